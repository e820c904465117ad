; EXPECT: correct
; Two calls a round.
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
  br i1 %c, label %h, label %e
h:
  call void @f()
  call void @f()
  br label %h
e:
  ret void
}
