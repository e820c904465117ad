"""Refinement of functions as formulas, after Alive2 (Lopes et al., PLDI 2021)."""
