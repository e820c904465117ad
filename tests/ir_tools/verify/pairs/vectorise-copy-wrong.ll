; EXPECT: refuted
; The first store may change what the second load sees.

define void @src(ptr %p, ptr %q) {
  %a = load i32, ptr %p
  store i32 %a, ptr %q
  %p1 = getelementptr i32, ptr %p, i64 1
  %q1 = getelementptr i32, ptr %q, i64 1
  %b = load i32, ptr %p1
  store i32 %b, ptr %q1
  ret void
}

define void @tgt(ptr %p, ptr %q) {
  %v = load <2 x i32>, ptr %p, align 4
  store <2 x i32> %v, ptr %q, align 4
  ret void
}
