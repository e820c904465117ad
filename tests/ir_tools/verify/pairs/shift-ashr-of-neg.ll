; EXPECT: correct
; An exact division is an exact arithmetic shift.

define i32 @src(i32 %a) {
  %r = sdiv exact i32 %a, 8
  ret i32 %r
}

define i32 @tgt(i32 %a) {
  %r = ashr exact i32 %a, 3
  ret i32 %r
}
