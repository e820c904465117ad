; EXPECT: refuted
; The fence orders for other threads.

define i32 @src(ptr %p) {
  store i32 1, ptr %p
  fence seq_cst
  %v = load i32, ptr %p
  ret i32 %v
}

define i32 @tgt(ptr %p) {
  store i32 1, ptr %p
  ret i32 1
}
