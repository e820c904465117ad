; EXPECT: refuted
; It is not the signed one.

define i1 @src(i8 %a, i8 %b) {
  %x = sext i8 %a to i32
  %y = sext i8 %b to i32
  %r = icmp ult i32 %x, %y
  ret i1 %r
}

define i1 @tgt(i8 %a, i8 %b) {
  %r = icmp slt i8 %a, %b
  ret i1 %r
}
