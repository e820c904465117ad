"""Names that users may choose from, for command lines that must not load what they stand for."""

POLICIES = ("oz", "random", "coreset", "search")
OBJECTIVES = ("size", "text", "instructions")
ACCEPT = ("proved", "bounded", "tested", "unverified")  # the last judges nothing
BASELINES = ("greedy", "ppo")  # beside random search
