; EXPECT: correct
; Only the first quotient is needed.

define <2 x i8> @src(<2 x i8> %v, <2 x i8> %w) {
  %d = udiv <2 x i8> %v, %w
  %r = shufflevector <2 x i8> %d, <2 x i8> poison, <2 x i32> <i32 0, i32 0>
  ret <2 x i8> %r
}

define <2 x i8> @tgt(<2 x i8> %v, <2 x i8> %w) {
  %a = shufflevector <2 x i8> %v, <2 x i8> poison, <2 x i32> <i32 0, i32 0>
  %b = shufflevector <2 x i8> %w, <2 x i8> poison, <2 x i32> <i32 0, i32 0>
  %r = udiv <2 x i8> %a, %b
  ret <2 x i8> %r
}
