; EXPECT: refuted
; It is not where the sum is negative.
declare void @llvm.assume(i1)

define i8 @src(i8 %x, i8 %y) {
  %a = add nsw i8 %x, 1
  %c = icmp sgt i8 %a, %x
  call void @llvm.assume(i1 %c)
  ret i8 %x
}

define i8 @tgt(i8 %x, i8 %y) {
  %d = icmp sgt i8 %x, -2
  call void @llvm.assume(i1 %d)
  ret i8 %x
}
