; EXPECT: correct
; Two bytes at once, of no more alignment than a byte's.

define void @src(ptr %p) {
  store i8 1, ptr %p
  %q = getelementptr i8, ptr %p, i64 1
  store i8 2, ptr %q
  ret void
}

define void @tgt(ptr %p) {
  store i16 513, ptr %p, align 1
  ret void
}
