; EXPECT: correct
; An assumption may be dropped.
declare void @llvm.assume(i1)
declare void @f()

define void @src(i1 %c) {
  call void @f()
  call void @llvm.assume(i1 %c)
  ret void
}

define void @tgt(i1 %c) {
  call void @f()
  ret void
}
