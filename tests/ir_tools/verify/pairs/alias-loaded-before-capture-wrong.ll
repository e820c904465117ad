; EXPECT: refuted
; It is one, not two.
declare void @keep(ptr)

define i32 @src(ptr %p) {
  %a = alloca i32
  store i32 1, ptr %a
  %q = load ptr, ptr %p
  store i32 2, ptr %q
  %v = load i32, ptr %a
  call void @keep(ptr %a)
  ret i32 %v
}

define i32 @tgt(ptr %p) {
  %a = alloca i32
  store i32 1, ptr %a
  %q = load ptr, ptr %p
  store i32 2, ptr %q
  call void @keep(ptr %a)
  ret i32 2
}
