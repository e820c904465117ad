; EXPECT: correct
; Lane by lane.

define <2 x i8> @src(i8 %x, i8 %y) {
  %a = insertelement <2 x i8> poison, i8 %x, i64 0
  %b = insertelement <2 x i8> %a, i8 %y, i64 1
  %r = add <2 x i8> %b, <i8 1, i8 2>
  ret <2 x i8> %r
}

define <2 x i8> @tgt(i8 %x, i8 %y) {
  %x1 = add i8 %x, 1
  %y2 = add i8 %y, 2
  %a = insertelement <2 x i8> poison, i8 %x1, i64 0
  %r = insertelement <2 x i8> %a, i8 %y2, i64 1
  ret <2 x i8> %r
}
