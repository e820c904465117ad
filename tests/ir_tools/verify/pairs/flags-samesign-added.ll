; EXPECT: correct
; A subtraction that borrows.

define i1 @src(i8 %a, i8 %b) {
  %r = icmp ult i8 %a, %b
  ret i1 %r
}

define i1 @tgt(i8 %a, i8 %b) {
  %p = call {i8, i1} @llvm.usub.with.overflow.i8(i8 %a, i8 %b)
  %r = extractvalue {i8, i1} %p, 1
  ret i1 %r
}
