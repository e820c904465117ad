; EXPECT: refuted
; An answer less itself is zero, if it is defined.
declare i32 @f()

define i32 @src() {
  %r = call i32 @f()
  %d = sub i32 %r, %r
  ret i32 %d
}

define i32 @tgt() {
  %r = call i32 @f()
  ret i32 %r
}
