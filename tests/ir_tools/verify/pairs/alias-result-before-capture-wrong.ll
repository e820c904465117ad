; EXPECT: refuted
; f returns before the address is told.
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
  call void @keep(ptr %a)
  store i32 2, ptr %q
  ret i32 1
}
