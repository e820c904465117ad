; EXPECT: correct
; Nothing was lost.

define i8 @src(i8 %a, i8 %n) {
  %s = shl nuw i8 %a, %n
  %r = lshr i8 %s, %n
  ret i8 %r
}

define i8 @tgt(i8 %a, i8 %n) {
  ret i8 %a
}
