; EXPECT: correct
; The second byte of four is cleared.

define i32 @src(ptr %p) {
  store i32 -1, ptr %p
  %h = getelementptr i8, ptr %p, i64 1
  store i8 0, ptr %h
  %v = load i32, ptr %p
  ret i32 %v
}

define i32 @tgt(ptr %p) {
  store i32 -65281, ptr %p
  ret i32 -65281
}
