; EXPECT: correct
; A funnel shift takes its amount modulo the width.

define i8 @src(i8 %n) {
  %m = and i8 %n, 7
  %r = shl i8 1, %m
  ret i8 %r
}

define i8 @tgt(i8 %n) {
  %r = call i8 @llvm.fshl.i8(i8 1, i8 1, i8 %n)
  ret i8 %r
}
