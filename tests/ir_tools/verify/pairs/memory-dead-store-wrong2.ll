; EXPECT: refuted
; The caller sees the second store.

define void @src(ptr %p) {
  store i32 1, ptr %p
  store i32 2, ptr %p
  ret void
}

define void @tgt(ptr %p) {
  ret void
}
