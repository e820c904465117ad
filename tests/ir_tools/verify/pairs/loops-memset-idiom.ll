; EXPECT: correct
; Two bytes a round.
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define void @src(ptr %p, i32 %n) {
  br label %h
h:
  %i = phi i32 [ 0, %0 ], [ %j, %b ]
  %c = icmp ult i32 %i, %n
  br i1 %c, label %b, label %e
b:
  %w = zext i32 %i to i64
  %q = getelementptr inbounds i16, ptr %p, i64 %w
  store i16 0, ptr %q
  %j = add i32 %i, 1
  br label %h
e:
  ret void
}

define void @tgt(ptr %p, i32 %n) {
  %w = zext i32 %n to i64
  %s = shl i64 %w, 1
  call void @llvm.memset.p0.i64(ptr %p, i8 0, i64 %s, i1 false)
  ret void
}
