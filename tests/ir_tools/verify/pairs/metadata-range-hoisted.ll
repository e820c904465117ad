; EXPECT: correct
; Without the promise.

define i8 @src(i1 %c, ptr %p) {
  %v = load i8, ptr %p
  br i1 %c, label %t, label %e
t:
  %w = load i8, ptr %p, !range !0
  ret i8 %w
e:
  ret i8 %v
}

define i8 @tgt(i1 %c, ptr %p) {
  %v = load i8, ptr %p
  br i1 %c, label %t, label %e
t:
  ret i8 %v
e:
  ret i8 %v
}

!0 = !{i8 0, i8 2}
