; EXPECT: refuted
; To free anything else is.
declare void @free(ptr)

define void @src(ptr noundef %p) {
  %c = icmp eq ptr %p, null
  br i1 %c, label %e, label %t
t:
  call void @free(ptr %p)
  br label %e
e:
  ret void
}

define void @tgt(ptr noundef %p) {
  ret void
}
