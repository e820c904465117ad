; EXPECT: correct
; A disjoint or is an exclusive one.

define i8 @src(i8 %a, i8 %b) {
  %r = or disjoint i8 %a, %b
  ret i8 %r
}

define i8 @tgt(i8 %a, i8 %b) {
  %r = xor i8 %a, %b
  ret i8 %r
}
