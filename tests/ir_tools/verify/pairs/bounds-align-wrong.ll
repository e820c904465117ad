; EXPECT: refuted
; An alignment that nobody promised.

define i32 @src(ptr %p) {
  %v = load i32, ptr %p, align 1
  ret i32 %v
}

define i32 @tgt(ptr %p) {
  %v = load i32, ptr %p, align 4
  ret i32 %v
}
