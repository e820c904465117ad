; EXPECT: refuted
; -64 fits, too.
declare {i8, i1} @llvm.smul.with.overflow.i8(i8, i8)

define i1 @src(i8 %x) {
  %p = call {i8, i1} @llvm.smul.with.overflow.i8(i8 %x, i8 2)
  %r = extractvalue {i8, i1} %p, 1
  ret i1 %r
}

define i1 @tgt(i8 %x) {
  %a = add i8 %x, 63
  %r = icmp slt i8 %a, 0
  ret i1 %r
}
