; EXPECT: refuted
; It is p's byte, and not the next one.

define i8 @src(ptr %p) {
  %i = ptrtoint ptr %p to i64
  %q = inttoptr i64 %i to ptr
  %v = load i8, ptr %q
  ret i8 %v
}

define i8 @tgt(ptr %p) {
  %q = getelementptr i8, ptr %p, i64 1
  %v = load i8, ptr %q
  ret i8 %v
}
