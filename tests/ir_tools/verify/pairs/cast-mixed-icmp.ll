; EXPECT: correct
; In sixteen bits there is room for both.

define i1 @src(i8 %a, i8 %b) {
  %x = sext i8 %a to i32
  %y = zext i8 %b to i32
  %r = icmp slt i32 %x, %y
  ret i1 %r
}

define i1 @tgt(i8 %a, i8 %b) {
  %x = sext i8 %a to i16
  %y = zext i8 %b to i16
  %r = icmp slt i16 %x, %y
  ret i1 %r
}
