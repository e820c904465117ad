; EXPECT: refuted
; A number has no provenance.

define void @src(ptr %p, ptr %q) {
  %v = load ptr, ptr %p
  store ptr %v, ptr %q
  ret void
}

define void @tgt(ptr %p, ptr %q) {
  %v = load i64, ptr %p
  store i64 %v, ptr %q
  ret void
}
