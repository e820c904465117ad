; EXPECT: refuted
; Signs may differ, and then the promise makes poison.

define i1 @src(i8 %a, i8 %b) {
  %r = icmp ult i8 %a, %b
  ret i1 %r
}

define i1 @tgt(i8 %a, i8 %b) {
  %r = icmp samesign ult i8 %a, %b
  ret i1 %r
}
