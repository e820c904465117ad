; EXPECT: correct
; One byte further is another address.

define i8 @src() {
  %a = alloca i8
  %b = getelementptr i8, ptr %a, i64 1
  %c = icmp eq ptr %a, %b
  %r = zext i1 %c to i8
  ret i8 %r
}

define i8 @tgt() {
  ret i8 0
}
