; EXPECT: correct
; The store, and then another way to write the call.
declare void @quit() noreturn
@g = global i32 0

define void @src() {
  store i32 1, ptr @g
  call void @quit()
  unreachable
}

define void @tgt() {
  store i32 1, ptr @g
  call void @quit()
  ret void
}
