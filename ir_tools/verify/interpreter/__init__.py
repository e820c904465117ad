"""The reference interpreter: LLVM IR on concrete values, with exact undefined behaviour.

access_steps.py    steps that touch memory: alloca, load, store, getelementptr
aliasing.py        type-based aliasing: may two accesses touch the same memory
allocation.py      allocation functions: malloc, calloc, realloc, aligned_alloc
attributes.py      promises about values: attributes of parameters and results
call_steps.py      calls: which meaning a callee has. Intrinsics, allocation functions, bodies
concrete.py        concrete values of LLVM IR
effects.py         intrinsics that touch memory, make promises, or end the program
float_semantics.py what floating-point instructions mean, bit for bit: half, bfloat
given.py           what a run is given: arguments, the memory that they reach
inputs.py          inputs for a function
interpreter.py     the reference interpreter: `run(module, function, given) -> Outcome`
intrinsics.py      what LLVM's pure intrinsics mean
libraries.py       library functions whose meaning LLVM knows: it may rewrite a call into another
library_models.py  exact models of library functions on memory that LLVM folds, expands and merges
operations.py      pure operations on whole values: poison, undef
output.py          what output functions print, so that rewritten calls compare
pure_steps.py      steps that touch no memory: arithmetic, comparisons, casts, vectors, aggregates
refinement.py      is what the target did allowed by what the source did?
rendering.py       inputs, outcomes and counterexamples as text for people
rights.py          what a function may do to the caller's memory
semantics.py       what integer instructions mean, on concrete integers
steps.py           from a function's instructions to Python closures
storage.py         memory of a run: blocks with provenance, bytes that may be undefined
unknown_calls.py   calls of functions that nobody knows: events, with deterministic answers
"""
