; EXPECT: correct
; The copy is the function's own.
declare void @use(ptr)

define i32 @src(ptr byval(i32) %p, ptr %q) {
  store i32 1, ptr %p
  store i32 2, ptr %q
  %v = load i32, ptr %p
  ret i32 %v
}

define i32 @tgt(ptr byval(i32) %p, ptr %q) {
  store i32 2, ptr %q
  ret i32 1
}
