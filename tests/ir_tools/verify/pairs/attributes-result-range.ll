; EXPECT: correct
; The mask leaves eight values.

define i8 @src(i8 %x) {
  %r = and i8 %x, 7
  ret i8 %r
}

define range(i8 0, 8) i8 @tgt(i8 %x) {
  %r = and i8 %x, 7
  ret i8 %r
}
