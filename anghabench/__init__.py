"""Programs: the examples that ship with Ozone, and recipes that fetch and build real ones. Knows
how to obtain, build and check a program, and nothing of how it is optimised."""
