; EXPECT: refuted
; For unsigned numbers it wraps nearly always.

define i8 @src(i8 %a) {
  %r = sub nsw i8 %a, 5
  ret i8 %r
}

define i8 @tgt(i8 %a) {
  %r = add nuw i8 %a, -5
  ret i8 %r
}
