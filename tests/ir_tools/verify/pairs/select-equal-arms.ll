; EXPECT: correct
; Where x and y are equal it does not matter which is returned.

define i8 @src(i8 %x, i8 %y) {
  %c = icmp eq i8 %x, %y
  %r = select i1 %c, i8 %x, i8 %y
  ret i8 %r
}

define i8 @tgt(i8 %x, i8 %y) {
  ret i8 %y
}
