; EXPECT: refuted
; Four times 2^62 is zero as well.

define i1 @src(ptr %p, i64 %i) {
  %a = getelementptr i32, ptr %p, i64 %i
  %c = icmp eq ptr %a, %p
  ret i1 %c
}

define i1 @tgt(ptr %p, i64 %i) {
  %c = icmp eq i64 %i, 0
  ret i1 %c
}
