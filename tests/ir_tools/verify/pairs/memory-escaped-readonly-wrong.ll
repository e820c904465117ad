; EXPECT: refuted
; It does read.
declare void @use(ptr readonly captures(none)) nounwind willreturn

define i32 @src() {
  %a = alloca i32
  store i32 1, ptr %a
  call void @use(ptr %a)
  %v = load i32, ptr %a
  ret i32 %v
}

define i32 @tgt() {
  %a = alloca i32
  store i32 2, ptr %a
  call void @use(ptr %a)
  ret i32 1
}
