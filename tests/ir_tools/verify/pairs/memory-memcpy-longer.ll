; EXPECT: correct
; The upper half is stored first.
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @use(ptr)

define void @src(ptr %a) {
  %t = alloca [8 x i8]
  call void @llvm.memcpy.p0.p0.i64(ptr %t, ptr %a, i64 4, i1 false)
  %h = getelementptr i8, ptr %t, i64 4
  store i32 7, ptr %h
  call void @use(ptr %t)
  ret void
}

define void @tgt(ptr %a) {
  %t = alloca [8 x i8]
  %h = getelementptr i8, ptr %t, i64 4
  store i32 7, ptr %h
  call void @llvm.memcpy.p0.p0.i64(ptr %t, ptr %a, i64 4, i1 false)
  call void @use(ptr %t)
  ret void
}
