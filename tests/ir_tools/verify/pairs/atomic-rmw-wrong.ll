; EXPECT: refuted
; Other threads come between load and store.

define i32 @src(ptr %p) {
  %o = atomicrmw add ptr %p, i32 1 seq_cst, align 4
  ret i32 %o
}

define i32 @tgt(ptr %p) {
  %o = load i32, ptr %p
  %n = add i32 %o, 1
  store i32 %n, ptr %p
  ret i32 %o
}
