; EXPECT: correct
; The load before the store is not needed.

define i32 @src(ptr %p, ptr %q) {
  %a = load i32, ptr %p
  store i32 5, ptr %q
  %b = load i32, ptr %p
  ret i32 %b
}

define i32 @tgt(ptr %p, ptr %q) {
  store i32 5, ptr %q
  %b = load i32, ptr %p
  ret i32 %b
}
