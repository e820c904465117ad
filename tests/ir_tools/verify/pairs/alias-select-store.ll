; EXPECT: correct
; Two loads, of which one is chosen.

define i32 @src(i1 %c, ptr %p, ptr %q) {
  store i32 1, ptr %p
  store i32 2, ptr %q
  %s = select i1 %c, ptr %p, ptr %q
  %v = load i32, ptr %s
  ret i32 %v
}

define i32 @tgt(i1 %c, ptr %p, ptr %q) {
  store i32 1, ptr %p
  store i32 2, ptr %q
  %a = load i32, ptr %p
  %v = select i1 %c, i32 %a, i32 2
  ret i32 %v
}
