; EXPECT: refuted
; A release may not be weakened.

define void @src(ptr %p, ptr %q) {
  store i32 1, ptr %p
  store atomic i32 1, ptr %q release, align 4
  ret void
}

define void @tgt(ptr %p, ptr %q) {
  store i32 1, ptr %p
  store atomic i32 1, ptr %q monotonic, align 4
  ret void
}
