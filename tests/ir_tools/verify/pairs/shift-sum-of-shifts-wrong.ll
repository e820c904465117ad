; EXPECT: refuted
; The sum of two amounts may be too large.

define i8 @src(i8 %a, i8 %m, i8 %n) {
  %s = lshr i8 %a, %m
  %r = lshr i8 %s, %n
  ret i8 %r
}

define i8 @tgt(i8 %a, i8 %m, i8 %n) {
  %k = add i8 %m, %n
  %r = lshr i8 %a, %k
  ret i8 %r
}
