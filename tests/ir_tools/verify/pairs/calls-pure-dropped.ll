; EXPECT: correct
; Without effects it answers the same.
declare i32 @f(i32) memory(none) nounwind willreturn

define i32 @src(i32 %x) {
  %r = call i32 @f(i32 %x)
  %s = call i32 @f(i32 %x)
  %d = xor i32 %r, %s
  ret i32 %d
}

define i32 @tgt(i32 %x) {
  %f = freeze i32 %x
  %r = call i32 @f(i32 %x)
  %d = xor i32 %r, %r
  ret i32 %d
}
