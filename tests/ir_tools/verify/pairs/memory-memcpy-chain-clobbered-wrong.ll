; EXPECT: refuted
; The origin was changed between the copies.
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define void @src(ptr noalias %a, ptr noalias %b, ptr noalias %c) {
  call void @llvm.memcpy.p0.p0.i64(ptr %b, ptr %a, i64 4, i1 false)
  store i8 0, ptr %a
  call void @llvm.memcpy.p0.p0.i64(ptr %c, ptr %b, i64 4, i1 false)
  ret void
}

define void @tgt(ptr noalias %a, ptr noalias %b, ptr noalias %c) {
  call void @llvm.memcpy.p0.p0.i64(ptr %b, ptr %a, i64 4, i1 false)
  store i8 0, ptr %a
  call void @llvm.memcpy.p0.p0.i64(ptr %c, ptr %a, i64 4, i1 false)
  ret void
}
