"""Tells Gymnasium of Ozone's environments; it calls `register` itself where Ozone is installed."""

from __future__ import annotations


def register() -> None:
    """Make `gymnasium.make("ozone/PassOrdering-v0")` and `ozone/PipelineChoice-v0` work."""
    from gymnasium.envs.registration import register, registry

    if "ozone/PassOrdering-v0" not in registry:
        register(
            "ozone/PassOrdering-v0",
            entry_point="envs.ordering:PassOrdering",
            vector_entry_point="envs.vector:PassOrderingVector",
        )
        register("ozone/PipelineChoice-v0", entry_point="envs.choice:PipelineChoice")
