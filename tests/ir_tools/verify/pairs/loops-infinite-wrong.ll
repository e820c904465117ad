; EXPECT: refuted
; The loop with a call does not vanish.
declare void @f()

define void @src(i1 %c) {
  br i1 %c, label %h, label %e
h:
  call void @f()
  br label %h
e:
  ret void
}

define void @tgt(i1 %c) {
  ret void
}
