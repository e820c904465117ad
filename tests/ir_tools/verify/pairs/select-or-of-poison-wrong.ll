; EXPECT: refuted
; The logical operation of the other name.

define i1 @src(i1 %a, i1 %b) {
  %r = or i1 %a, %b
  ret i1 %r
}

define i1 @tgt(i1 %a, i1 %b) {
  %r = select i1 %a, i1 %b, i1 false
  ret i1 %r
}
