; EXPECT: refuted
; Its own state may count the calls.
declare void @f() memory(inaccessiblemem: readwrite) nounwind willreturn

define void @src(ptr %p) {
  call void @f()
  store i32 1, ptr %p
  ret void
}

define void @tgt(ptr %p) {
  store i32 1, ptr %p
  ret void
}
