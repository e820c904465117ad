; EXPECT: refuted
; Nothing promises the alignment of a word.

define void @src(ptr %p) {
  store i8 1, ptr %p
  %q = getelementptr i8, ptr %p, i64 1
  store i8 2, ptr %q
  ret void
}

define void @tgt(ptr %p) {
  store i16 513, ptr %p, align 2
  ret void
}
