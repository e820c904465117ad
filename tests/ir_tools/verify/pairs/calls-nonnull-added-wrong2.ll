; EXPECT: refuted
; Known to be the contrary.
declare void @f(ptr)

define void @src(ptr noundef %p) {
  call void @f(ptr %p)
  ret void
}

define void @tgt(ptr noundef %p) {
  %c = icmp eq ptr %p, null
  br i1 %c, label %t, label %e
t:
  call void @f(ptr nonnull %p)
  ret void
e:
  call void @f(ptr %p)
  ret void
}
