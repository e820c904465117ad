; EXPECT: refuted
; The call need not return, and the division may be undefined.
declare void @f() memory(none) nounwind

define i32 @src(i32 %x, i32 %y) {
  call void @f()
  %d = udiv i32 %x, %y
  ret i32 %d
}

define i32 @tgt(i32 %x, i32 %y) {
  %d = udiv i32 %x, %y
  call void @f()
  ret i32 %d
}
