; EXPECT: correct
; One that only reads may.

define i32 @src(ptr %p) {
  %v = load i32, ptr %p
  ret i32 %v
}

define i32 @tgt(ptr %p) memory(read) {
  %v = load i32, ptr %p
  ret i32 %v
}
