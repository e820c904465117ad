; EXPECT: refuted
; If f unwinds or exits, the store must not have happened.
declare void @f() memory(inaccessiblemem: readwrite)

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
