; EXPECT: correct
; Only two values get past the switch.

define i32 @src(i32 %x) {
  switch i32 %x, label %d [
  i32 0, label %a
  i32 1, label %b
]
a:
  ret i32 5
b:
  ret i32 6
d:
  unreachable
}

define i32 @tgt(i32 %x) {
  %r = add i32 %x, 5
  ret i32 %r
}
