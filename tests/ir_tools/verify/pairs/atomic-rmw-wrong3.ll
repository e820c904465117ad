; EXPECT: refuted
; It counts up.

define i32 @src(ptr %p) {
  %o = atomicrmw add ptr %p, i32 1 seq_cst, align 4
  ret i32 %o
}

define i32 @tgt(ptr %p) {
  %o = atomicrmw sub ptr %p, i32 1 seq_cst, align 4
  ret i32 %o
}
