; EXPECT: refuted
; A mask is no minimum.

define i32 @src(i32 %x) {
  %r = call i32 @llvm.umin.i32(i32 %x, i32 7)
  ret i32 %r
}

define i32 @tgt(i32 %x) {
  %r = and i32 %x, 7
  ret i32 %r
}
