; EXPECT: refuted
; The old value is returned.

define i32 @src(ptr %p) {
  %o = atomicrmw add ptr %p, i32 1 seq_cst, align 4
  ret i32 %o
}

define i32 @tgt(ptr %p) {
  %o = atomicrmw add ptr %p, i32 1 seq_cst, align 4
  %n = add i32 %o, 1
  ret i32 %n
}
