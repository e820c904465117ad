; EXPECT: correct
; The second byte is that of the second store.

define i16 @src(ptr %p) {
  %q = getelementptr i8, ptr %p, i64 1
  store i16 257, ptr %p, align 1
  store i16 514, ptr %q, align 1
  %v = load i16, ptr %p, align 1
  ret i16 %v
}

define i16 @tgt(ptr %p) {
  %q = getelementptr i8, ptr %p, i64 1
  store i16 257, ptr %p, align 1
  store i16 514, ptr %q, align 1
  ret i16 513
}
