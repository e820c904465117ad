; EXPECT: correct
; Both in one.

define void @src(ptr %p) {
  store i32 -1, ptr %p
  store i16 0, ptr %p
  ret void
}

define void @tgt(ptr %p) {
  store i32 -65536, ptr %p
  ret void
}
