; EXPECT: refuted
; To end is not to trap.
declare void @llvm.trap()
@g = global i32 0

define void @src() {
  store i32 1, ptr @g
  store i32 2, ptr @g
  call void @llvm.trap()
  unreachable
}

define void @tgt() {
  store i32 2, ptr @g
  ret void
}
