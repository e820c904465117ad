; EXPECT: correct
; For n zero nothing happens.
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define void @src(ptr %p, i64 %n) {
  call void @llvm.memset.p0.i64(ptr %p, i8 0, i64 %n, i1 false)
  ret void
}

define void @tgt(ptr %p, i64 %n) {
  %z = icmp eq i64 %n, 0
  br i1 %z, label %e, label %t
t:
  call void @llvm.memset.p0.i64(ptr %p, i8 0, i64 %n, i1 false)
  br label %e
e:
  ret void
}
