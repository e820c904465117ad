; EXPECT: correct
; Where the sum is too large nothing is left.

define i8 @src(i8 %a, i8 %m, i8 %n) {
  %s = lshr i8 %a, %m
  %r = lshr i8 %s, %n
  ret i8 %r
}

define i8 @tgt(i8 %a, i8 %m, i8 %n) {
  %fm = freeze i8 %m
  %fn = freeze i8 %n
  %k = add i8 %fm, %fn
  %big = icmp ugt i8 %k, 7
  %c = select i1 %big, i8 7, i8 %k
  %one = lshr i8 %a, %c
  %rest = select i1 %big, i8 1, i8 0
  %z = lshr i8 %one, %rest
  %r = select i1 %big, i8 0, i8 %z
  ret i8 %r
}
