; EXPECT: correct
; The caller cannot have guessed the address.

define i1 @src(ptr %q) {
  %a = alloca i32
  %c = icmp eq ptr %a, %q
  ret i1 %c
}

define i1 @tgt(ptr %q) {
  ret i1 false
}
