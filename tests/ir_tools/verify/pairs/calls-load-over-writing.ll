; EXPECT: correct
; The sum commutes.
declare void @f()

define i32 @src(ptr %p) {
  %a = load i32, ptr %p
  call void @f()
  %b = load i32, ptr %p
  %r = add i32 %a, %b
  ret i32 %r
}

define i32 @tgt(ptr %p) {
  %a = load i32, ptr %p
  call void @f()
  %b = load i32, ptr %p
  %r = add i32 %b, %a
  ret i32 %r
}
