; EXPECT: correct
; The masked number has no more bits.

define i32 @src(i64 %a) {
  %m = and i64 %a, 4294967295
  %r = trunc i64 %m to i32
  ret i32 %r
}

define i32 @tgt(i64 %a) {
  %m = and i64 %a, 4294967295
  %r = trunc nuw i64 %m to i32
  ret i32 %r
}
