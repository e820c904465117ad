; EXPECT: refuted
; Null is an argument like others.
@g = global i32 0

define ptr @src(ptr %p) {
  ret ptr %p
}

define nonnull ptr @tgt(ptr %p) {
  ret ptr %p
}
