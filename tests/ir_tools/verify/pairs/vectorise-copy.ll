; EXPECT: correct
; The second load after the first store.

define void @src(ptr %p, ptr %q) {
  %a = load i32, ptr %p
  store i32 %a, ptr %q
  %p1 = getelementptr i32, ptr %p, i64 1
  %q1 = getelementptr i32, ptr %q, i64 1
  %b = load i32, ptr %p1
  store i32 %b, ptr %q1
  ret void
}

define void @tgt(ptr %p, ptr %q) {
  %a = load i32, ptr %p
  store i32 %a, ptr %q
  %p1 = getelementptr i32, ptr %p, i64 1
  %b = load i32, ptr %p1
  %q1 = getelementptr i32, ptr %q, i64 1
  store i32 %b, ptr %q1
  ret void
}
