; EXPECT: correct
; De Morgan, with the same guard.

define i1 @src(i1 %a, i1 %b) {
  %r = select i1 %a, i1 %b, i1 false
  ret i1 %r
}

define i1 @tgt(i1 %a, i1 %b) {
  %n = xor i1 %a, true
  %m = xor i1 %b, true
  %o = select i1 %n, i1 true, i1 %m
  %r = xor i1 %o, true
  ret i1 %r
}
