; EXPECT: correct
; What was dereferenced is not null.
declare void @f(ptr)

define void @src(ptr %p) {
  %v = load i8, ptr %p
  call void @f(ptr %p)
  ret void
}

define void @tgt(ptr %p) {
  %v = load i8, ptr %p
  call void @f(ptr noundef nonnull %p)
  ret void
}
