; EXPECT: refuted
; A store of the whole as a number is poison where padding is.

define void @src(ptr %p, ptr %q) {
  %v = load {i8, i32}, ptr %p
  store {i8, i32} %v, ptr %q
  ret void
}

define void @tgt(ptr %p, ptr %q) {
  %w = load i64, ptr %p, align 4
  store i64 %w, ptr %q, align 4
  ret void
}
