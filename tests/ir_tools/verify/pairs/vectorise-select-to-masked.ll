; EXPECT: correct
; Two loads.

define <2 x i32> @src(<2 x i1> %m, ptr %p) {
  %v = load <2 x i32>, ptr %p, align 4
  %r = select <2 x i1> %m, <2 x i32> %v, <2 x i32> zeroinitializer
  ret <2 x i32> %r
}

define <2 x i32> @tgt(<2 x i1> %m, ptr %p) {
  %a = load i32, ptr %p
  %q = getelementptr i32, ptr %p, i64 1
  %b = load i32, ptr %q
  %w = insertelement <2 x i32> poison, i32 %a, i64 0
  %v = insertelement <2 x i32> %w, i32 %b, i64 1
  %r = select <2 x i1> %m, <2 x i32> %v, <2 x i32> zeroinitializer
  ret <2 x i32> %r
}
