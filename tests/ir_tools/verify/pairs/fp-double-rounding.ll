; EXPECT: correct
; A double has bits enough for one rounding.

define float @src(float %a, float %b) {
  %x = fpext float %a to double
  %y = fpext float %b to double
  %s = fadd double %x, %y
  %r = fptrunc double %s to float
  ret float %r
}

define float @tgt(float %a, float %b) {
  %r = fadd float %a, %b
  ret float %r
}
