; EXPECT: refuted
; It certainly is not always equal.

define i1 @src(ptr %q) {
  %a = alloca i32
  %c = icmp eq ptr %a, %q
  ret i1 %c
}

define i1 @tgt(ptr %q) {
  ret i1 true
}
