; EXPECT: correct
; To free the null pointer is nothing.
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
  call void @free(ptr %p)
  ret void
}
