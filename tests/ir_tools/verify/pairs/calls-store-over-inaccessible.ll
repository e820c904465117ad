; EXPECT: correct
; What f touches we cannot, and it returns.
declare void @f() memory(inaccessiblemem: readwrite) nounwind willreturn

define void @src(ptr %p) {
  call void @f()
  store i32 1, ptr %p
  ret void
}

define void @tgt(ptr %p) {
  store i32 1, ptr %p
  call void @f()
  ret void
}
