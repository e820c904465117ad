; EXPECT: refuted
; The other arm.

define i8 @src(i1 %c, i8 %x) {
  %s = select i1 %c, i8 %x, i8 0
  %r = udiv i8 100, %s
  ret i8 %r
}

define i8 @tgt(i1 %c, i8 %x) {
  %s = select i1 %c, i8 1, i8 %x
  %r = udiv i8 100, %s
  ret i8 %r
}
