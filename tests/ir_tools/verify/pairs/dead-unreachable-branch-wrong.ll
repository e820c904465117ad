; EXPECT: refuted
; The other branch.

define i32 @src(i1 %c) {
  br i1 %c, label %t, label %e
t:
  unreachable
e:
  ret i32 1
}

define i32 @tgt(i1 %c) {
  ret i32 2
}
