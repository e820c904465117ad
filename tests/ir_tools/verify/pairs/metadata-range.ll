; EXPECT: correct
; A load twice.

define i8 @src(ptr %p) {
  %v = load i8, ptr %p
  ret i8 %v
}

define i8 @tgt(ptr %p) {
  %w = load i8, ptr %p
  %v = load i8, ptr %p
  ret i8 %v
}

!0 = !{i8 0, i8 2}
