"""`ozone bench`: what each policy saves at each budget, on functions that nothing was chosen on."""
