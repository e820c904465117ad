; EXPECT: refuted
; To store back what was read needs a pointer that may be written.

define void @src(i1 %c, ptr %p) {
  br i1 %c, label %t, label %e
t:
  store i32 1, ptr %p
  br label %e
e:
  ret void
}

define void @tgt(i1 %c, ptr %p) {
  %v = load i32, ptr %p
  %s = select i1 %c, i32 1, i32 %v
  store i32 %s, ptr %p
  ret void
}
