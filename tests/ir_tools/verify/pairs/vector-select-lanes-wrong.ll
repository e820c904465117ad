; EXPECT: refuted
; The first lane was zero.

define <2 x i8> @src(<2 x i1> %c, <2 x i8> %v) {
  %r = select <2 x i1> %c, <2 x i8> %v, <2 x i8> <i8 0, i8 poison>
  ret <2 x i8> %r
}

define <2 x i8> @tgt(<2 x i1> %c, <2 x i8> %v) {
  %r = select <2 x i1> %c, <2 x i8> %v, <2 x i8> <i8 poison, i8 0>
  ret <2 x i8> %r
}
