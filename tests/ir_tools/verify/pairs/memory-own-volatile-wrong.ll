; EXPECT: refuted
; What is stored is loaded.

define i32 @src() {
  %a = alloca i32
  store volatile i32 1, ptr %a
  %v = load i32, ptr %a
  ret i32 %v
}

define i32 @tgt() {
  %a = alloca i32
  store volatile i32 1, ptr %a
  ret i32 undef
}
