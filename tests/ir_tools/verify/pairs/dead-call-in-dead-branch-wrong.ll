; EXPECT: refuted
; f may not return, and so the branch is not dead.
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
  ret void
}
