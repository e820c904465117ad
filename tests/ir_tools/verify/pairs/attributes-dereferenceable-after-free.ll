; EXPECT: correct
; A load of something that is not needed.
declare void @f() nounwind willreturn

define i32 @src(ptr dereferenceable(4) align 4 %p) {
  call void @f()
  %v = load i32, ptr %p
  ret i32 %v
}

define i32 @tgt(ptr dereferenceable(4) align 4 %p) {
  %w = load i32, ptr %p
  call void @f()
  %v = load i32, ptr %p
  ret i32 %v
}
