; EXPECT: correct
; An address that is not aligned would be poison.

define i64 @src(ptr %p) {
  %v = load ptr, ptr %p, !align !0
  %i = ptrtoint ptr %v to i64
  %r = and i64 %i, 7
  ret i64 %r
}

define i64 @tgt(ptr %p) {
  ret i64 0
}

!0 = !{i64 8}
