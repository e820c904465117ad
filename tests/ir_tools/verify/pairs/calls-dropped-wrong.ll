; EXPECT: refuted
; Its effects are not known.
declare i32 @f(i32)

define void @src(i32 %x) {
  %r = call i32 @f(i32 %x)
  ret void
}

define void @tgt(i32 %x) {
  ret void
}
