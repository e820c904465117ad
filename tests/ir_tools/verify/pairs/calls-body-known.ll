; EXPECT: correct
; Something between zero and seven.

define i32 @src(i32 %x) {
  %r = call i32 @llvm.umin.i32(i32 %x, i32 7)
  ret i32 %r
}

define i32 @tgt(i32 %x) {
  %f = freeze i32 %x
  %c = icmp ult i32 %f, 7
  %r = select i1 %c, i32 %f, i32 7
  ret i32 %r
}
