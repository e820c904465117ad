; EXPECT: refuted
; One poison lane makes the whole number poison.

define i16 @src(i8 %x) {
  %a = insertelement <2 x i8> poison, i8 %x, i64 0
  %b = insertelement <2 x i8> %a, i8 0, i64 1
  %r = bitcast <2 x i8> %b to i16
  ret i16 %r
}

define i16 @tgt(i8 %x) {
  %a = insertelement <2 x i8> poison, i8 %x, i64 0
  %r = bitcast <2 x i8> %a to i16
  ret i16 %r
}
