; EXPECT: refuted
; Half of the vector is loaded, and half is not zero.

define <2 x i32> @src(<2 x i1> %m, ptr %p) {
  %v = load <2 x i32>, ptr %p, align 4
  %r = select <2 x i1> %m, <2 x i32> %v, <2 x i32> zeroinitializer
  ret <2 x i32> %r
}

define <2 x i32> @tgt(<2 x i1> %m, ptr %p) {
  %v = load i32, ptr %p
  %w = insertelement <2 x i32> zeroinitializer, i32 %v, i64 0
  %r = select <2 x i1> %m, <2 x i32> %w, <2 x i32> zeroinitializer
  ret <2 x i32> %r
}
