; EXPECT: refuted
; f finds the address in the global.
@g = global ptr null
declare void @f()

define i32 @src() {
  %a = alloca i32
  store i32 1, ptr %a
  store ptr %a, ptr @g
  call void @f()
  %v = load i32, ptr %a
  ret i32 %v
}

define i32 @tgt() {
  %a = alloca i32
  store i32 1, ptr %a
  store ptr %a, ptr @g
  call void @f()
  ret i32 1
}
