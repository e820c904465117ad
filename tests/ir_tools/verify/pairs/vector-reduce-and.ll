; EXPECT: correct
; All bits at once.

define i1 @src(<4 x i8> %v) {
  %c = icmp eq <4 x i8> %v, zeroinitializer
  %r = call i1 @llvm.vector.reduce.and.v4i1(<4 x i1> %c)
  ret i1 %r
}

define i1 @tgt(<4 x i8> %v) {
  %f = freeze <4 x i8> %v
  %b = bitcast <4 x i8> %f to i32
  %r = icmp eq i32 %b, 0
  ret i1 %r
}
