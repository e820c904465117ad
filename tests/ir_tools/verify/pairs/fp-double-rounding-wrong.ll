; EXPECT: refuted
; It is not the difference.

define float @src(float %a, float %b) {
  %x = fpext float %a to double
  %y = fpext float %b to double
  %s = fadd double %x, %y
  %r = fptrunc double %s to float
  ret float %r
}

define float @tgt(float %a, float %b) {
  %r = fsub float %a, %b
  ret float %r
}
