"""Names that users may choose from, for command lines that must not load what they stand for."""

from __future__ import annotations

import os
from pathlib import Path

POLICIES = ("oz", "random", "coreset", "search", "nvp", "neighbour", "lm")
DEFAULT_POLICY = "lm"
AUTOTUNERS = ("nevergrad", "opentuner")  # of others, for `ozone bench`
# The model alone, asked in several ways, for it too.
SAMPLERS = ("lm-priority", "lm-beam", "lm-nucleus", "lm-temperature")
OBJECTIVES = ("size", "text", "instructions")
ACCEPT = ("proved", "bounded", "tested", "unverified")  # the last judges nothing
BASELINES = ("greedy", "ppo")  # beside random search


def model_folder() -> Path:
    """Of the model that the policy `lm` asks: the one that the user names, or that ships."""
    return Path(os.environ.get("OZONE_MODEL") or Path(__file__).parent / "data" / "lm")
