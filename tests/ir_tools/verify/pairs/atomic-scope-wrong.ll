; EXPECT: refuted
; A fence for one thread orders less.

define void @src() {
  fence seq_cst
  ret void
}

define void @tgt() {
  fence syncscope("singlethread") seq_cst
  ret void
}
