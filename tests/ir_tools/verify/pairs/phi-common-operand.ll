; EXPECT: correct
; Both arms are the same product.

define i32 @src(i1 %c, i32 %x, i32 %y) {
  br i1 %c, label %t, label %e
t:
  %a = mul i32 %x, %y
  br label %m
e:
  %b = mul i32 %y, %x
  br label %m
m:
  %p = phi i32 [ %a, %t ], [ %b, %e ]
  ret i32 %p
}

define i32 @tgt(i1 %c, i32 %x, i32 %y) {
  %p = mul i32 %x, %y
  ret i32 %p
}
