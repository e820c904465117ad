"""Importing this module tells Gymnasium of Ozone's environments, as its own way is.

`gymnasium.make("envs.registration:ozone/PassOrdering-v0")` imports it by itself.
"""

from __future__ import annotations

from gymnasium.envs.registration import register as _register
from gymnasium.envs.registration import registry


def register() -> None:
    """Make `ozone/PassOrdering-v0` and `ozone/PipelineChoice-v0` known, once."""
    if "ozone/PassOrdering-v0" not in registry:
        _register(
            "ozone/PassOrdering-v0",
            entry_point="envs.ordering:PassOrdering",
            vector_entry_point="envs.vector:PassOrderingVector",
        )
        _register("ozone/PipelineChoice-v0", entry_point="envs.choice:PipelineChoice")


register()
