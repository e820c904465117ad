; EXPECT: refuted
; No unsigned wrap says nothing of signed wrap.

define i8 @src(i8 %a, i8 %b, i8 %c) {
  %s = add nuw i8 %a, %b
  %r = add nuw i8 %s, %c
  ret i8 %r
}

define i8 @tgt(i8 %a, i8 %b, i8 %c) {
  %s = add nsw i8 %b, %c
  %r = add nuw i8 %a, %s
  ret i8 %r
}
