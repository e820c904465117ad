; EXPECT: refuted
; A store before it is seen by it.
declare i32 @f(ptr) memory(read) nounwind willreturn

define i32 @src(ptr %p) {
  %a = call i32 @f(ptr %p)
  %b = load i32, ptr %p
  %r = add i32 %a, %b
  ret i32 %r
}

define i32 @tgt(ptr %p) {
  store i32 0, ptr %p
  %a = call i32 @f(ptr %p)
  %b = load i32, ptr %p
  %r = add i32 %a, %b
  ret i32 %r
}
