; EXPECT: refuted
; Whoever is called may look.
declare void @quit() noreturn
@g = global i32 0

define void @src() {
  store i32 1, ptr @g
  call void @quit()
  unreachable
}

define void @tgt() {
  call void @quit()
  unreachable
}
