; EXPECT: refuted
; Nine is in the range.

define i1 @src(i8 range(i8 0, 10) %x) {
  %r = icmp ult i8 %x, 10
  ret i1 %r
}

define i1 @tgt(i8 range(i8 0, 10) %x) {
  %r = icmp ult i8 %x, 9
  ret i1 %r
}
