; EXPECT: refuted
; A word is one byte more than there is.
@g = global [3 x i8] zeroinitializer, align 4

define i8 @src() {
  %p = getelementptr i8, ptr @g, i64 2
  %v = load i8, ptr %p
  ret i8 %v
}

define i8 @tgt() {
  %w = load i32, ptr @g, align 4
  %s = lshr i32 %w, 16
  %v = trunc i32 %s to i8
  ret i8 %v
}
