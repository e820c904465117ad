; EXPECT: refuted
; Undef may be odd, what the source returns is even.

define i32 @src() {
  %r = mul i32 undef, 2
  ret i32 %r
}

define i32 @tgt() {
  ret i32 undef
}
