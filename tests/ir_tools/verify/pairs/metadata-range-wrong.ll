; EXPECT: refuted
; A promise that the source does not make.

define i8 @src(ptr %p) {
  %v = load i8, ptr %p
  ret i8 %v
}

define i8 @tgt(ptr %p) {
  %v = load i8, ptr %p, !range !0
  ret i8 %v
}

!0 = !{i8 0, i8 2}
