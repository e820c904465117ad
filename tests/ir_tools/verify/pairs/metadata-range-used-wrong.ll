; EXPECT: refuted
; It is zero or one.

define i8 @src(ptr %p) {
  %v = load i8, ptr %p, !range !0
  %r = and i8 %v, 1
  ret i8 %r
}

define i8 @tgt(ptr %p) {
  %v = load i8, ptr %p
  %r = and i8 %v, 2
  ret i8 %r
}

!0 = !{i8 0, i8 2}
