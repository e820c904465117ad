; EXPECT: refuted
; The second half is that of the other.

define {i8, i8} @src(i1 %c, {i8, i8} %p, {i8, i8} %q) {
  %r = select i1 %c, {i8, i8} %p, {i8, i8} %q
  ret {i8, i8} %r
}

define {i8, i8} @tgt(i1 %c, {i8, i8} %p, {i8, i8} %q) {
  %a = extractvalue {i8, i8} %p, 0
  %b = extractvalue {i8, i8} %q, 1
  %x = insertvalue {i8, i8} poison, i8 %a, 0
  %r = insertvalue {i8, i8} %x, i8 %b, 1
  ret {i8, i8} %r
}
