; EXPECT: refuted
; The other lane.

define <2 x i32> @src(<2 x i32> %v, i32 %x, i32 %i) {
  %r = insertelement <2 x i32> %v, i32 %x, i32 %i
  ret <2 x i32> %r
}

define <2 x i32> @tgt(<2 x i32> %v, i32 %x, i32 %i) {
  %j = xor i32 %i, 1
  %r = insertelement <2 x i32> %v, i32 %x, i32 %j
  ret <2 x i32> %r
}
