"""Does the target mean the same as the source? Verdicts by SMT and by execution."""
