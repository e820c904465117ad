; EXPECT: correct
; Null would be poison.

define i1 @src(ptr %p) {
  %v = load ptr, ptr %p, !nonnull !0
  %c = icmp eq ptr %v, null
  ret i1 %c
}

define i1 @tgt(ptr %p) {
  ret i1 false
}

!0 = !{}
