; EXPECT: correct
; The bits are disjoint, and so or is addition.

define i8 @src(i8 %a, i8 %b) {
  %x = and i8 %a, 15
  %y = and i8 %b, -16
  %r = or i8 %x, %y
  ret i8 %r
}

define i8 @tgt(i8 %a, i8 %b) {
  %x = and i8 %a, 15
  %y = and i8 %b, -16
  %r = add nuw nsw i8 %x, %y
  ret i8 %r
}
