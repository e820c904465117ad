; EXPECT: refuted
; It would not be below two.
declare void @llvm.assume(i1)

define i8 @src(i8 %x) {
  %c = icmp ult i8 %x, 4
  call void @llvm.assume(i1 %c)
  %r = and i8 %x, 7
  ret i8 %r
}

define i8 @tgt(i8 %x) {
  %r = and i8 %x, 1
  ret i8 %r
}
