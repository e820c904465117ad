; EXPECT: refuted
; A lane of poison in place of zero.

define <2 x i8> @src(<2 x i8> %v) {
  %r = shufflevector <2 x i8> %v, <2 x i8> zeroinitializer, <2 x i32> <i32 0, i32 3>
  ret <2 x i8> %r
}

define <2 x i8> @tgt(<2 x i8> %v) {
  %r = shufflevector <2 x i8> %v, <2 x i8> poison, <2 x i32> <i32 0, i32 3>
  ret <2 x i8> %r
}
