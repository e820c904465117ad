; EXPECT: refuted
; Only three lanes are asked.

define i1 @src(<4 x i8> %v) {
  %c = icmp eq <4 x i8> %v, zeroinitializer
  %r = call i1 @llvm.vector.reduce.and.v4i1(<4 x i1> %c)
  ret i1 %r
}

define i1 @tgt(<4 x i8> %v) {
  %b = bitcast <4 x i8> %v to i32
  %m = and i32 %b, 16777215
  %r = icmp eq i32 %m, 0
  ret i1 %r
}
