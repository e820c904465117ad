; EXPECT: refuted
; The two bytes are swapped.
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)

define void @src(ptr %p) {
  %q = getelementptr i8, ptr %p, i64 1
  call void @llvm.memmove.p0.p0.i64(ptr %q, ptr %p, i64 2, i1 false)
  ret void
}

define void @tgt(ptr %p) {
  %q = getelementptr i8, ptr %p, i64 1
  %r = getelementptr i8, ptr %p, i64 2
  %a = load i8, ptr %p
  %b = load i8, ptr %q
  store i8 %b, ptr %q
  store i8 %a, ptr %r
  ret void
}
