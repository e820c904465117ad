; EXPECT: correct
; The null pointer may be freed.
declare void @free(ptr)

define void @src(ptr %p) {
  ret void
}

define void @tgt(ptr %p) {
  call void @free(ptr null)
  ret void
}
