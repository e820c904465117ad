; EXPECT: refuted
; One byte stays as it was.
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define void @src(ptr %p) {
  call void @llvm.memset.p0.i64(ptr %p, i8 0, i64 16, i1 false)
  store i32 5, ptr %p
  ret void
}

define void @tgt(ptr %p) {
  %q = getelementptr i8, ptr %p, i64 5
  call void @llvm.memset.p0.i64(ptr %q, i8 0, i64 11, i1 false)
  store i32 5, ptr %p
  ret void
}
