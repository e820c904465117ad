; EXPECT: refuted
; One element was forgotten.

define {i32, i32} @src(i32 %x, i32 %y) {
  %a = insertvalue {i32, i32} poison, i32 %x, 0
  %r = insertvalue {i32, i32} %a, i32 %y, 1
  ret {i32, i32} %r
}

define {i32, i32} @tgt(i32 %x, i32 %y) {
  %r = insertvalue {i32, i32} poison, i32 %x, 0
  ret {i32, i32} %r
}
