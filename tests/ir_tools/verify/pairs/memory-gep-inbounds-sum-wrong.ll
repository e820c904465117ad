; EXPECT: refuted
; The sum was not promised to stay in bounds.

define ptr @src(ptr %p, i64 %i, i64 %j) {
  %a = getelementptr i8, ptr %p, i64 %i
  %r = getelementptr inbounds i8, ptr %a, i64 %j
  ret ptr %r
}

define ptr @tgt(ptr %p, i64 %i, i64 %j) {
  %k = add nsw i64 %i, %j
  %r = getelementptr inbounds i8, ptr %p, i64 %k
  ret ptr %r
}
