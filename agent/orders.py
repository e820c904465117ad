"""What `ozone-cc` asks for when no cache has it: one object, as a plain value; and its making."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.compiled import Compiled
from envs.cache import Cache, default_path

if TYPE_CHECKING:
    from envs.pool import StartWorker


@dataclass(frozen=True, slots=True)
class Order:
    """An object, or assembly, of unoptimised bitcode; `arguments` are for the code generator."""

    source: str
    data: bytes = field(repr=False)
    arguments: tuple[str, ...]
    assembly: bool
    budget: int
    policy: str
    objective: str
    accept: str
    seed: int


def fulfil(order: Order, start_worker: StartWorker | None = None) -> Compiled:
    """Make it, here and now. Raises OzoneError when clang or LLVM cannot compile it at all."""
    # Late: whoever has the object, or somebody else to make it, should not pay for these.
    from agent.compile import compile_bitcode
    from agent.optimise import Objective, Settings
    from envs.evaluation import Source
    from envs.evaluator import Evaluator
    from envs.pool import Limits, spawned
    from ir_tools.target import TargetOptions
    from ir_tools.verify.verdict import acceptance

    settings = Settings(
        budget=order.budget,
        policy=order.policy,
        objective=Objective(order.objective),
        seed=order.seed,
        accept=acceptance(order.accept),
        target=TargetOptions(relocation_model="module"),
    )
    cache = Cache(default_path())
    try:
        with Evaluator(1, cache, Limits(), start_worker or spawned) as evaluator:
            return compile_bitcode(
                Source(order.source, order.data), order.arguments, settings, evaluator,
                assembly=order.assembly,
            )  # fmt: skip
    finally:
        cache.close()
