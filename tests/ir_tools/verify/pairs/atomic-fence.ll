; EXPECT: correct
; The fence stays.

define i32 @src(ptr %p) {
  store i32 1, ptr %p
  fence seq_cst
  %v = load i32, ptr %p
  ret i32 %v
}

define i32 @tgt(ptr %p) {
  store i32 1, ptr %p
  fence seq_cst
  %w = load i32, ptr %p
  %v = or i32 %w, 0
  ret i32 %v
}
