; EXPECT: refuted
; Division rounds toward zero and a shift toward minus infinity.

define i32 @src(i32 %a) {
  %r = sdiv i32 %a, 8
  ret i32 %r
}

define i32 @tgt(i32 %a) {
  %r = ashr i32 %a, 3
  ret i32 %r
}
