; EXPECT: refuted
; i and j may be equal.

define i32 @src(ptr %p, i64 %i, i64 %j) {
  %a = getelementptr i32, ptr %p, i64 %i
  %b = getelementptr i32, ptr %p, i64 %j
  store i32 1, ptr %a
  store i32 2, ptr %b
  %v = load i32, ptr %a
  ret i32 %v
}

define i32 @tgt(ptr %p, i64 %i, i64 %j) {
  %a = getelementptr i32, ptr %p, i64 %i
  %b = getelementptr i32, ptr %p, i64 %j
  store i32 1, ptr %a
  store i32 2, ptr %b
  ret i32 1
}
