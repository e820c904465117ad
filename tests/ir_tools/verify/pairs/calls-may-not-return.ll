; EXPECT: correct
; What is defined may be hoisted.
declare void @f() memory(none) nounwind

define i32 @src(i32 %x, i32 %y) {
  call void @f()
  %d = udiv i32 %x, %y
  ret i32 %d
}

define i32 @tgt(i32 %x, i32 %y) {
  %z = add i32 %y, 0
  call void @f()
  %d = udiv i32 %x, %z
  ret i32 %d
}
