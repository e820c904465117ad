; EXPECT: correct
; The remainder is the same mask.

define i32 @src(<4 x i32> %v, i32 %i) {
  %j = and i32 %i, 3
  %r = extractelement <4 x i32> %v, i32 %j
  ret i32 %r
}

define i32 @tgt(<4 x i32> %v, i32 %i) {
  %j = urem i32 %i, 4
  %r = extractelement <4 x i32> %v, i32 %j
  ret i32 %r
}
