; EXPECT: refuted
; Memory may be poison, and then this is undefined behaviour.

define i8 @src(ptr %p) {
  %v = load i8, ptr %p
  ret i8 %v
}

define i8 @tgt(ptr %p) {
  %v = load i8, ptr %p, !noundef !0
  ret i8 %v
}

!0 = !{}
