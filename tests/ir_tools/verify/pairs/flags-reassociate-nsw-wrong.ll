; EXPECT: refuted
; The new partial sum may overflow where the old one did not.

define i32 @src(i32 %a, i32 %b, i32 %c) {
  %s = add nsw i32 %a, %b
  %r = add nsw i32 %s, %c
  ret i32 %r
}

define i32 @tgt(i32 %a, i32 %b, i32 %c) {
  %s = add nsw i32 %b, %c
  %r = add nsw i32 %a, %s
  ret i32 %r
}
