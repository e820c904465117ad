; EXPECT: refuted
; Another value.

define i8 @src(ptr %p) {
  %v = load i8, ptr %p
  ret i8 %v
}

define i8 @tgt(ptr %p) {
  %w = load i8, ptr %p, !noundef !0
  %v = xor i8 %w, 1
  ret i8 %v
}

!0 = !{}
