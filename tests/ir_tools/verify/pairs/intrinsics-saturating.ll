; EXPECT: correct
; With a wider sum.
declare i8 @llvm.uadd.sat.i8(i8, i8)

define i8 @src(i8 %x, i8 %y) {
  %r = call i8 @llvm.uadd.sat.i8(i8 %x, i8 %y)
  ret i8 %r
}

define i8 @tgt(i8 %x, i8 %y) {
  %a = zext i8 %x to i16
  %b = zext i8 %y to i16
  %s = add i16 %a, %b
  %f = freeze i16 %s
  %c = icmp ugt i16 %f, 255
  %t = trunc i16 %f to i8
  %r = select i1 %c, i8 -1, i8 %t
  ret i8 %r
}
