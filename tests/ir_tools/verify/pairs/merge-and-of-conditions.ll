; EXPECT: correct
; A logical and looks at b where a is true alone.
declare void @f()

define void @src(i1 %a, i1 %b) {
  br i1 %a, label %n, label %e
n:
  br i1 %b, label %t, label %e
t:
  call void @f()
  br label %e
e:
  ret void
}

define void @tgt(i1 %a, i1 %b) {
  %c = select i1 %a, i1 %b, i1 false
  br i1 %c, label %t, label %e
t:
  call void @f()
  br label %e
e:
  ret void
}
