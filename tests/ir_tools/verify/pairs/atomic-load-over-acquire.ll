; EXPECT: correct
; The sum commutes.

define i32 @src(ptr %p, ptr %q) {
  %f = load atomic i32, ptr %q acquire, align 4
  %v = load i32, ptr %p
  %r = add i32 %f, %v
  ret i32 %r
}

define i32 @tgt(ptr %p, ptr %q) {
  %f = load atomic i32, ptr %q acquire, align 4
  %v = load i32, ptr %p
  %r = add i32 %v, %f
  ret i32 %r
}
