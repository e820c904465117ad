; EXPECT: correct
; f comes before the address gets out.
declare void @f()
declare void @keep(ptr)

define i32 @src() {
  %a = alloca i32
  store i32 1, ptr %a
  call void @f()
  %v = load i32, ptr %a
  call void @keep(ptr %a)
  ret i32 %v
}

define i32 @tgt() {
  %a = alloca i32
  store i32 1, ptr %a
  call void @f()
  call void @keep(ptr %a)
  ret i32 1
}
