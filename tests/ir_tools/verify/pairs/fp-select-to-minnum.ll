; EXPECT: correct
; The select turned around.

define float @src(float %x, float %y) {
  %c = fcmp olt float %x, %y
  %r = select i1 %c, float %x, float %y
  ret float %r
}

define float @tgt(float %x, float %y) {
  %c = fcmp uge float %x, %y
  %r = select i1 %c, float %y, float %x
  ret float %r
}
