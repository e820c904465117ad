; EXPECT: correct
; What is moved to its own place stays.
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define void @src(ptr %p, ptr %q) {
  call void @llvm.memmove.p0.p0.i64(ptr %p, ptr %q, i64 8, i1 false)
  ret void
}

define void @tgt(ptr %p, ptr %q) {
  %same = icmp eq ptr %p, %q
  br i1 %same, label %e, label %t
t:
  call void @llvm.memmove.p0.p0.i64(ptr %p, ptr %q, i64 8, i1 false)
  br label %e
e:
  ret void
}
