; EXPECT: correct
; What f returns cannot be an address that is still secret.
declare ptr @f()
declare void @keep(ptr)

define i32 @src() {
  %a = alloca i32
  store i32 1, ptr %a
  %q = call ptr @f()
  store i32 2, ptr %q
  %v = load i32, ptr %a
  call void @keep(ptr %a)
  ret i32 %v
}

define i32 @tgt() {
  %a = alloca i32
  store i32 1, ptr %a
  %q = call ptr @f()
  store i32 2, ptr %q
  call void @keep(ptr %a)
  ret i32 1
}
