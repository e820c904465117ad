; EXPECT: refuted
; To free what nobody freed.
declare void @free(ptr)

define void @src(ptr %p) {
  ret void
}

define void @tgt(ptr %p) {
  call void @free(ptr %p)
  ret void
}
