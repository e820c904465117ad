; EXPECT: correct
; Nobody sees a variable after its end.

define void @src(i32 %x) {
  %a = alloca i32
  store i32 %x, ptr %a
  ret void
}

define void @tgt(i32 %x) {
  ret void
}
