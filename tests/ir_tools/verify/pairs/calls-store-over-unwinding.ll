; EXPECT: correct
; The very same.
declare void @f() memory(inaccessiblemem: readwrite)

define void @src(ptr %p) {
  call void @f()
  store i32 1, ptr %p
  ret void
}

define void @tgt(ptr %p) {
  call void @f()
  %o = add i32 0, 1
  store i32 %o, ptr %p
  ret void
}
