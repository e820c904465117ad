; EXPECT: correct
; The select is poison less often.

define i1 @src(i1 %a, i1 %b) {
  %r = or i1 %a, %b
  ret i1 %r
}

define i1 @tgt(i1 %a, i1 %b) {
  %r = select i1 %a, i1 true, i1 %b
  ret i1 %r
}
