; EXPECT: refuted
; For n zero nothing may be stored.
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define void @src(ptr %p, i64 %n) {
  call void @llvm.memset.p0.i64(ptr %p, i8 0, i64 %n, i1 false)
  ret void
}

define void @tgt(ptr %p, i64 %n) {
  store i8 0, ptr %p
  call void @llvm.memset.p0.i64(ptr %p, i8 0, i64 %n, i1 false)
  ret void
}
