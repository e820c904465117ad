; EXPECT: refuted
; A volatile location may change.

define i32 @src(ptr %p) {
  %a = load volatile i32, ptr %p
  %b = load volatile i32, ptr %p
  ret i32 %b
}

define i32 @tgt(ptr %p) {
  %a = load volatile i32, ptr %p
  %b = load volatile i32, ptr %p
  ret i32 %a
}
