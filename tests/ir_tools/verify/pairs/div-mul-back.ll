; EXPECT: correct
; Nothing was lost in the product.

define i8 @src(i8 %a, i8 %b) {
  %m = mul nuw i8 %a, %b
  %r = udiv i8 %m, %b
  ret i8 %r
}

define i8 @tgt(i8 %a, i8 %b) {
  ret i8 %a
}
