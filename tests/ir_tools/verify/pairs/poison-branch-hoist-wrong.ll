; EXPECT: refuted
; To branch on d before c is known is undefined where d is poison and c is false.

define i32 @src(i1 %c, i1 %d) {
  br i1 %c, label %a, label %b
a:
  %s = select i1 %d, i32 1, i32 2
  ret i32 %s
b:
  ret i32 0
}

define i32 @tgt(i1 %c, i1 %d) {
  br i1 %d, label %a, label %b
a:
  %s = select i1 %c, i32 1, i32 0
  ret i32 %s
b:
  %t = select i1 %c, i32 2, i32 0
  ret i32 %t
}
