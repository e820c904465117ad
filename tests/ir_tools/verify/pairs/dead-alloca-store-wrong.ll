; EXPECT: refuted
; Its end is not the program's.

define void @src(i32 %x) {
  %a = alloca i32
  store i32 %x, ptr %a
  ret void
}

define void @tgt(i32 %x) {
  unreachable
}
