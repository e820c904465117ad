; EXPECT: refuted
; A logical and is not commutative where b is poison.

define i1 @src(i1 %a, i1 %b) {
  %r = select i1 %a, i1 %b, i1 false
  ret i1 %r
}

define i1 @tgt(i1 %a, i1 %b) {
  %r = select i1 %b, i1 %a, i1 false
  ret i1 %r
}
