"""Differential execution: both functions as machine code, in a child that may die.

arena.py     blocks of memory at given addresses, with nothing mapped around them
execute.py   differential execution: two functions as machine code on the same inputs, compared
glue.py      IR between machine code and us: how a function is entered
image.py     the interpreter's values and memory as a machine's bytes
isolation.py work in a child process that may crash, hang or exit: each of these is a value here
jit.py       a module as machine code in this process: one function to enter
machine.py   one compiled function
native.py    what times machine code from within
replay.py    calls that machine code makes
timing.py    versions of a function, timed on the same inputs
variants.py  inputs that a generator seldom makes, from those that it makes: what passes get wrong
"""
