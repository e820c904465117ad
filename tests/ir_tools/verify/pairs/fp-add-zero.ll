; EXPECT: correct
; With minus zero nothing changes.

define float @src(float %x) {
  %r = fadd float %x, 0.0
  ret float %r
}

define float @tgt(float %x) {
  %r = fadd float %x, 0.0
  %s = fadd float %r, -0.0
  ret float %s
}
