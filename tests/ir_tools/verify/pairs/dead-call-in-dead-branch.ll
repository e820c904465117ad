; EXPECT: correct
; The end after the call may be written otherwise.
declare void @f()

define void @src(i1 %c) {
  br i1 %c, label %t, label %e
t:
  call void @f()
  unreachable
e:
  ret void
}

define void @tgt(i1 %c) {
  br i1 %c, label %t, label %e
t:
  call void @f()
  br label %e
e:
  ret void
}
