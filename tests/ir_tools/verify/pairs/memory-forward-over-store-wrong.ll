; EXPECT: refuted
; The store may have changed p.

define i32 @src(ptr %p, ptr %q) {
  %a = load i32, ptr %p
  store i32 5, ptr %q
  %b = load i32, ptr %p
  ret i32 %b
}

define i32 @tgt(ptr %p, ptr %q) {
  %a = load i32, ptr %p
  store i32 5, ptr %q
  ret i32 %a
}
