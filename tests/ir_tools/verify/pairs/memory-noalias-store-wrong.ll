; EXPECT: refuted
; What is in p afterwards is seen.

define i32 @src(ptr noalias %p, ptr %q) {
  store i32 1, ptr %p
  %v = load i32, ptr %q
  store i32 2, ptr %p
  ret i32 %v
}

define i32 @tgt(ptr noalias %p, ptr %q) {
  store i32 1, ptr %p
  %v = load i32, ptr %q
  ret i32 %v
}
