; EXPECT: correct
; Beyond the end the source is undefined.
@g = global [4 x i8] zeroinitializer

define i8 @src(i64 %i) {
  %p = getelementptr i8, ptr @g, i64 %i
  %v = load i8, ptr %p
  %c = icmp ult i64 %i, 4
  %r = select i1 %c, i8 %v, i8 7
  ret i8 %r
}

define i8 @tgt(i64 %i) {
  %p = getelementptr i8, ptr @g, i64 %i
  %v = load i8, ptr %p
  ret i8 %v
}
