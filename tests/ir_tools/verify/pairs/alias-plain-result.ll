; EXPECT: correct
; Two is then what p holds.
declare ptr @mk(i64)

define i32 @src(ptr %p) {
  %m = call ptr @mk(i64 4)
  store i32 1, ptr %p
  store i32 2, ptr %m
  %v = load i32, ptr %p
  ret i32 %v
}

define i32 @tgt(ptr %p) {
  %m = call ptr @mk(i64 4)
  store i32 1, ptr %p
  store i32 2, ptr %m
  %v = load i32, ptr %p
  %w = or i32 %v, 0
  ret i32 %w
}
