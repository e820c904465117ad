; EXPECT: refuted
; A store may not sink below a release.

define void @src(ptr %p, ptr %q) {
  store i32 1, ptr %p
  store atomic i32 1, ptr %q release, align 4
  ret void
}

define void @tgt(ptr %p, ptr %q) {
  store atomic i32 1, ptr %q release, align 4
  store i32 1, ptr %p
  ret void
}
