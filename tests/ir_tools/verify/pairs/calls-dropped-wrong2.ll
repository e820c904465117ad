; EXPECT: refuted
; Twice is not once.
declare i32 @f(i32)

define void @src(i32 %x) {
  %r = call i32 @f(i32 %x)
  ret void
}

define void @tgt(i32 %x) {
  %r = call i32 @f(i32 %x)
  %s = call i32 @f(i32 %x)
  ret void
}
