; EXPECT: correct
; The order of operations that do nothing else.

define void @src(ptr %p, ptr %q) {
  %v = load ptr, ptr %p
  store ptr %v, ptr %q
  ret void
}

define void @tgt(ptr %p, ptr %q) {
  %v = load ptr, ptr %p
  %n = getelementptr i8, ptr %v, i64 0
  store ptr %n, ptr %q
  ret void
}
