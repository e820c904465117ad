; EXPECT: refuted
; p and q may be one, and then p holds two.

define i32 @src(i1 %c, ptr %p, ptr %q) {
  store i32 1, ptr %p
  store i32 2, ptr %q
  %s = select i1 %c, ptr %p, ptr %q
  %v = load i32, ptr %s
  ret i32 %v
}

define i32 @tgt(i1 %c, ptr %p, ptr %q) {
  store i32 1, ptr %p
  store i32 2, ptr %q
  %v = select i1 %c, i32 1, i32 2
  ret i32 %v
}
