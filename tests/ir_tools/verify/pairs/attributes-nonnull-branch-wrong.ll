; EXPECT: refuted
; Without a promise null may come.
declare void @f()

define void @src(ptr %p) {
  %c = icmp eq ptr %p, null
  br i1 %c, label %t, label %e
t:
  call void @f()
  br label %e
e:
  ret void
}

define void @tgt(ptr %p) {
  ret void
}
