; EXPECT: refuted
; b may be poison where a is false.
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
  %c = and i1 %a, %b
  br i1 %c, label %t, label %e
t:
  call void @f()
  br label %e
e:
  ret void
}
