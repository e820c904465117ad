; EXPECT: refuted
; Only the index matters, and not whether it is positive.

define i1 @src(ptr %p, i64 %i) {
  %a = getelementptr inbounds i32, ptr %p, i64 %i
  %c = icmp eq ptr %a, %p
  ret i1 %c
}

define i1 @tgt(ptr %p, i64 %i) {
  %c = icmp sle i64 %i, 0
  ret i1 %c
}
