; EXPECT: refuted
; 255 is no overflow, 256 is.
declare i8 @llvm.uadd.sat.i8(i8, i8)

define i8 @src(i8 %x, i8 %y) {
  %r = call i8 @llvm.uadd.sat.i8(i8 %x, i8 %y)
  ret i8 %r
}

define i8 @tgt(i8 %x, i8 %y) {
  %a = zext i8 %x to i16
  %b = zext i8 %y to i16
  %s = add i16 %a, %b
  %c = icmp ugt i16 %s, 256
  %t = trunc i16 %s to i8
  %r = select i1 %c, i8 -1, i8 %t
  ret i8 %r
}
