; EXPECT: refuted
; A volatile store is never dead.

define void @src(ptr %p) {
  store volatile i32 1, ptr %p
  store volatile i32 2, ptr %p
  ret void
}

define void @tgt(ptr %p) {
  store volatile i32 2, ptr %p
  ret void
}
