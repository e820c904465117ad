; EXPECT: correct
; Two bytes are there.
@g = global [3 x i8] zeroinitializer, align 4

define i8 @src() {
  %p = getelementptr i8, ptr @g, i64 2
  %v = load i8, ptr %p
  ret i8 %v
}

define i8 @tgt() {
  %p = getelementptr i8, ptr @g, i64 1
  %w = load <2 x i8>, ptr %p, align 1
  %v = extractelement <2 x i8> %w, i64 1
  ret i8 %v
}
