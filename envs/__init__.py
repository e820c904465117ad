"""Evaluation: candidates run and measured in isolated workers that may crash, with results cached.
Knows nothing of where a proposal comes from, nor what becomes of the winner."""
