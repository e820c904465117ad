; EXPECT: refuted
; The upper half of the first store stays.

define void @src(ptr %p) {
  store i32 -1, ptr %p
  store i16 0, ptr %p
  ret void
}

define void @tgt(ptr %p) {
  store i16 0, ptr %p
  ret void
}
