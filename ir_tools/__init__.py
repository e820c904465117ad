"""LLVM itself: bindings, passes, pipelines, measuring and splitting. Knows nothing of learning."""
