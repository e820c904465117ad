; EXPECT: correct
; A call that does nothing.
declare void @f() memory(none) nounwind willreturn

define i32 @src(i32 %x) {
  call void @f()
  ret i32 %x
}

define i32 @tgt(i32 %x) {
  ret i32 %x
}
