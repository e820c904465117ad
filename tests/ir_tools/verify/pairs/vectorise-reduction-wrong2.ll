; EXPECT: refuted
; Two lanes want no more alignment than one.

define i32 @src(ptr %p) {
  %a = load i32, ptr %p
  %p1 = getelementptr i32, ptr %p, i64 1
  %b = load i32, ptr %p1
  %r = add nsw i32 %a, %b
  ret i32 %r
}

define i32 @tgt(ptr %p) {
  %v = load <2 x i32>, ptr %p, align 8
  %r = call i32 @llvm.vector.reduce.add.v2i32(<2 x i32> %v)
  ret i32 %r
}
