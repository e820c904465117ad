; EXPECT: refuted
; Once is enough.
declare i32 @f()

define i32 @src(i1 %c) {
  br i1 %c, label %t, label %e
t:
  %a = call i32 @f()
  %b = add i32 %a, 1
  ret i32 %b
e:
  %d = call i32 @f()
  ret i32 %d
}

define i32 @tgt(i1 %c) {
  %a = call i32 @f()
  %d = call i32 @f()
  %r = select i1 %c, i32 %a, i32 %d
  ret i32 %r
}
