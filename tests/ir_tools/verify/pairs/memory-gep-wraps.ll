; EXPECT: correct
; The offset is what counts.

define i1 @src(ptr %p, i64 %i) {
  %a = getelementptr i32, ptr %p, i64 %i
  %c = icmp eq ptr %a, %p
  ret i1 %c
}

define i1 @tgt(ptr %p, i64 %i) {
  %o = shl i64 %i, 2
  %c = icmp eq i64 %o, 0
  ret i1 %c
}
