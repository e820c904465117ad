; EXPECT: correct
; Undef may be chosen as zero.

define i8 @src(i8 %x) {
  %a = and i8 %x, undef
  ret i8 %a
}

define i8 @tgt(i8 %x) {
  ret i8 0
}
