; EXPECT: correct
; A rotation, which is defined more often.

define i32 @src(i32 %a, i32 %n) {
  %m = sub i32 32, %n
  %l = shl i32 %a, %n
  %h = lshr i32 %a, %m
  %r = or i32 %l, %h
  ret i32 %r
}

define i32 @tgt(i32 %a, i32 %n) {
  %f = freeze i32 %a
  %r = call i32 @llvm.fshl.i32(i32 %f, i32 %f, i32 %n)
  ret i32 %r
}
