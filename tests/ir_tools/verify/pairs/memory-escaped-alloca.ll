; EXPECT: correct
; A bigger variable is as good.
declare void @use(ptr)

define i32 @src() {
  %a = alloca i32
  store i32 1, ptr %a
  call void @use(ptr %a)
  %v = load i32, ptr %a
  ret i32 %v
}

define i32 @tgt() {
  %b = alloca i64
  store i32 1, ptr %b
  call void @use(ptr %b)
  %v = load i32, ptr %b
  ret i32 %v
}
