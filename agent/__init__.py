"""Proposals and what users run: policies, the optimiser, and the `ozone` command line."""
