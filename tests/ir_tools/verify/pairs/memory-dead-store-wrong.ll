; EXPECT: refuted
; The second store is what is left.

define void @src(ptr %p) {
  store i32 1, ptr %p
  store i32 2, ptr %p
  ret void
}

define void @tgt(ptr %p) {
  store i32 1, ptr %p
  ret void
}
