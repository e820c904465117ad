; EXPECT: refuted
; With another mask bits overlap, and a disjoint or is poison.

define i8 @src(i8 %a, i8 %b) {
  %x = and i8 %a, 15
  %y = and i8 %b, -16
  %r = or i8 %x, %y
  ret i8 %r
}

define i8 @tgt(i8 %a, i8 %b) {
  %y = and i8 %b, -16
  %m = and i8 %a, 15
  %x = or i8 %m, 16
  %q = or disjoint i8 %x, %y
  %r = xor i8 %q, 16
  ret i8 %r
}
