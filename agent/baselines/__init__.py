"""Baselines of pass ordering that anyone can run: random search, greedy, MaskablePPO."""
