; EXPECT: correct
; After an unconditional store a conditional one may be merged.

define void @src(i1 %c, ptr %p) {
  br i1 %c, label %t, label %e
t:
  store i32 1, ptr %p
  br label %e
e:
  ret void
}

define void @tgt(i1 %c, ptr %p) {
  br i1 %c, label %t, label %e
t:
  store i32 0, ptr %p
  store i32 1, ptr %p
  br label %e
e:
  ret void
}
