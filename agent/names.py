"""Names that users may choose from, for command lines that must not load what they stand for."""

POLICIES = ("oz", "random", "coreset", "search", "nvp", "neighbour", "lm")
AUTOTUNERS = ("nevergrad", "opentuner")  # of others, for `ozone bench`
SAMPLERS = ("lm-beam", "lm-nucleus", "lm-temperature")  # other ways to ask the model, for it too
OBJECTIVES = ("size", "text", "instructions")
ACCEPT = ("proved", "bounded", "tested", "unverified")  # the last judges nothing
BASELINES = ("greedy", "ppo")  # beside random search
MODEL_VARIABLE = "OZONE_MODEL"  # names the folder of the model that the policy `lm` asks
