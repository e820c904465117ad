; EXPECT: refuted
; The call is an effect.
declare void @exit_now() noreturn

define i32 @src(i32 %x) {
  %c = icmp eq i32 %x, 0
  br i1 %c, label %t, label %e
t:
  call void @exit_now()
  unreachable
e:
  %d = udiv i32 10, %x
  ret i32 %d
}

define i32 @tgt(i32 %x) {
  %d = udiv i32 10, %x
  ret i32 %d
}
