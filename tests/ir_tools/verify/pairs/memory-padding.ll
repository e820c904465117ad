; EXPECT: correct
; Element by element.

define void @src(ptr %p, ptr %q) {
  %v = load {i8, i32}, ptr %p
  store {i8, i32} %v, ptr %q
  ret void
}

define void @tgt(ptr %p, ptr %q) {
  %p2 = getelementptr {i8, i32}, ptr %p, i64 0, i32 1
  %q2 = getelementptr {i8, i32}, ptr %q, i64 0, i32 1
  %a = load i8, ptr %p, align 4
  %b = load i32, ptr %p2, align 4
  store i8 %a, ptr %q, align 4
  store i32 %b, ptr %q2, align 4
  ret void
}
