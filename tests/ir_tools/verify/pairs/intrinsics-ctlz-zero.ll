; EXPECT: correct
; A guard for zero.
declare i32 @llvm.ctlz.i32(i32, i1)

define i32 @src(i32 %x) {
  %r = call i32 @llvm.ctlz.i32(i32 %x, i1 false)
  ret i32 %r
}

define i32 @tgt(i32 %x) {
  %f = freeze i32 %x
  %z = icmp eq i32 %f, 0
  %l = call i32 @llvm.ctlz.i32(i32 %f, i1 true)
  %r = select i1 %z, i32 32, i32 %l
  ret i32 %r
}
