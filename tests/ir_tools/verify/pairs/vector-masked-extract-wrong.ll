; EXPECT: refuted
; Without the mask the index may be out of range.

define i32 @src(<4 x i32> %v, i32 %i) {
  %j = and i32 %i, 3
  %r = extractelement <4 x i32> %v, i32 %j
  ret i32 %r
}

define i32 @tgt(<4 x i32> %v, i32 %i) {
  %r = extractelement <4 x i32> %v, i32 %i
  ret i32 %r
}
