; EXPECT: correct
; A branch in place of the select.

define i32 @src(ptr noalias %p, ptr %q) {
  store i32 1, ptr %p
  %c = icmp eq ptr %p, %q
  %s = select i1 %c, ptr %p, ptr %q
  %v = load i32, ptr %s
  ret i32 %v
}

define i32 @tgt(ptr noalias %p, ptr %q) {
  store i32 1, ptr %p
  %c = icmp eq ptr %p, %q
  br i1 %c, label %t, label %e
t:
  ret i32 1
e:
  %v = load i32, ptr %q
  ret i32 %v
}
