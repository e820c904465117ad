; EXPECT: refuted
; An odd result is none that twice anything is.

define i32 @src() {
  %r = mul i32 undef, 2
  ret i32 %r
}

define i32 @tgt() {
  ret i32 1
}
