; EXPECT: correct
; Its condition is poison where the sum overflows.
declare void @llvm.assume(i1)

define i8 @src(i8 %x, i8 %y) {
  %a = add nsw i8 %x, 1
  %c = icmp sgt i8 %a, %x
  call void @llvm.assume(i1 %c)
  ret i8 %x
}

define i8 @tgt(i8 %x, i8 %y) {
  %d = icmp ne i8 %x, 127
  call void @llvm.assume(i1 %d)
  ret i8 %x
}
