; EXPECT: correct
; Half by half.

define {i8, i8} @src(i1 %c, {i8, i8} %p, {i8, i8} %q) {
  %r = select i1 %c, {i8, i8} %p, {i8, i8} %q
  ret {i8, i8} %r
}

define {i8, i8} @tgt(i1 %c, {i8, i8} %p, {i8, i8} %q) {
  %f = freeze i1 %c
  %a = extractvalue {i8, i8} %p, 0
  %b = extractvalue {i8, i8} %q, 0
  %s = select i1 %f, i8 %a, i8 %b
  %d = extractvalue {i8, i8} %p, 1
  %e = extractvalue {i8, i8} %q, 1
  %t = select i1 %f, i8 %d, i8 %e
  %x = insertvalue {i8, i8} poison, i8 %s, 0
  %r = insertvalue {i8, i8} %x, i8 %t, 1
  ret {i8, i8} %r
}
