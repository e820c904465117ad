; EXPECT: refuted
; Of another argument the answer may differ.
declare i32 @f(i32) memory(none) nounwind willreturn

define i32 @src(i32 %x) {
  %r = call i32 @f(i32 %x)
  %s = call i32 @f(i32 %x)
  %d = xor i32 %r, %s
  ret i32 %d
}

define i32 @tgt(i32 %x) {
  %y = add i32 %x, 1
  %r = call i32 @f(i32 %x)
  %s = call i32 @f(i32 %y)
  %d = xor i32 %r, %s
  ret i32 %d
}
