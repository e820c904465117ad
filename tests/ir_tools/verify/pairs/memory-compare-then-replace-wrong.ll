; EXPECT: refuted
; It returns one where q is not p.

define i32 @src(ptr noalias %p, ptr %q) {
  store i32 1, ptr %p
  %c = icmp eq ptr %p, %q
  %s = select i1 %c, ptr %p, ptr %q
  %v = load i32, ptr %s
  ret i32 %v
}

define i32 @tgt(ptr noalias %p, ptr %q) {
  %v = load i32, ptr %q
  store i32 1, ptr %p
  ret i32 1
}
