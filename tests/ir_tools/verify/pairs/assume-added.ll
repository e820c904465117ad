; EXPECT: correct
; What always holds may be assumed.
declare void @llvm.assume(i1)

define i8 @src(i8 %x) {
  ret i8 %x
}

define i8 @tgt(i8 %x) {
  %f = freeze i8 %x
  %l = lshr i8 %f, 1
  %c = icmp sgt i8 %l, -1
  call void @llvm.assume(i1 %c)
  ret i8 %x
}
