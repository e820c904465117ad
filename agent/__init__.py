"""Proposals and what users run: policies that choose pipelines, and the `opt`, `cc` and reports
that put the choice into a program. The top layer: it may import every other package."""
