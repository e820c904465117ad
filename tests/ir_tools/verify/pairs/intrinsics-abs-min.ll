; EXPECT: correct
; By comparison.
declare i8 @llvm.abs.i8(i8, i1)

define i8 @src(i8 %x) {
  %r = call i8 @llvm.abs.i8(i8 %x, i1 false)
  ret i8 %r
}

define i8 @tgt(i8 %x) {
  %f = freeze i8 %x
  %c = icmp slt i8 %f, 0
  %n = sub i8 0, %f
  %r = select i1 %c, i8 %n, i8 %f
  ret i8 %r
}
