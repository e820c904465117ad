; EXPECT: correct
; Subtraction of a constant other than the least is addition of its negative.

define i8 @src(i8 %a) {
  %r = sub nsw i8 %a, 5
  ret i8 %r
}

define i8 @tgt(i8 %a) {
  %r = add nsw i8 %a, -5
  ret i8 %r
}
