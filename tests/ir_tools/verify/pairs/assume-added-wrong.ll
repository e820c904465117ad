; EXPECT: refuted
; Nobody said so.
declare void @llvm.assume(i1)

define i8 @src(i8 %x) {
  ret i8 %x
}

define i8 @tgt(i8 %x) {
  %c = icmp ne i8 %x, 0
  call void @llvm.assume(i1 %c)
  ret i8 %x
}
