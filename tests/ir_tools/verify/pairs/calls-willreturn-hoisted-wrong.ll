; EXPECT: refuted
; Remainder for quotient.
declare void @f() memory(none) nounwind willreturn

define i32 @src(i32 %x, i32 %y) {
  call void @f()
  %d = udiv i32 %x, %y
  ret i32 %d
}

define i32 @tgt(i32 %x, i32 %y) {
  call void @f()
  %d = urem i32 %x, %y
  ret i32 %d
}
