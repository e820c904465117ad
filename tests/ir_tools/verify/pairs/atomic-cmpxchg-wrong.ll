; EXPECT: refuted
; A weak exchange may fail for no reason.

define i1 @src(ptr %p) {
  %x = cmpxchg ptr %p, i32 0, i32 1 seq_cst seq_cst, align 4
  %r = extractvalue {i32, i1} %x, 1
  ret i1 %r
}

define i1 @tgt(ptr %p) {
  %x = cmpxchg weak ptr %p, i32 0, i32 1 seq_cst seq_cst, align 4
  %r = extractvalue {i32, i1} %x, 1
  ret i1 %r
}
