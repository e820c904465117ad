; EXPECT: correct
; Zero is put in by itself.

define <2 x i8> @src(<2 x i8> %v) {
  %r = shufflevector <2 x i8> %v, <2 x i8> zeroinitializer, <2 x i32> <i32 0, i32 3>
  ret <2 x i8> %r
}

define <2 x i8> @tgt(<2 x i8> %v) {
  %r = insertelement <2 x i8> %v, i8 0, i64 1
  ret <2 x i8> %r
}
