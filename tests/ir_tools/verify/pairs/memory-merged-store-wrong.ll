; EXPECT: refuted
; The other way around.

define void @src(i1 %c, ptr %p) {
  store i32 0, ptr %p
  br i1 %c, label %t, label %e
t:
  store i32 1, ptr %p
  br label %e
e:
  ret void
}

define void @tgt(i1 %c, ptr %p) {
  %n = xor i1 %c, true
  %s = zext i1 %n to i32
  store i32 %s, ptr %p
  ret void
}
