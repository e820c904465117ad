"""Names that users may choose from, for command lines that must not load what they stand for."""

POLICIES = ("oz", "random", "coreset", "search", "nvp", "neighbour")
AUTOTUNERS = ("nevergrad", "opentuner")  # of others, for `ozone bench`
OBJECTIVES = ("size", "text", "instructions")
ACCEPT = ("proved", "bounded", "tested", "unverified")  # the last judges nothing
BASELINES = ("greedy", "ppo")  # beside random search
