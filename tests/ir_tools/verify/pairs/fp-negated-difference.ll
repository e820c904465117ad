; EXPECT: correct
; Negating both and adding rounds alike.

define float @src(float %a, float %b) {
  %d = fsub float %a, %b
  %r = fneg float %d
  ret float %r
}

define float @tgt(float %a, float %b) {
  %n = fneg float %b
  %s = fadd float %a, %n
  %r = fneg float %s
  ret float %r
}
