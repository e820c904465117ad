"""Steps a second of the environment, against CompilerGym's RPC and one `opt` process a step.

The same random production passes are run one by one on the same small functions, each step with
its reward (instructions) and its observation (Autophase). Four ways take turns: `PassOrdering` with
one worker; `PassOrderingVector` with two, both of which do all that the one does; `ozone-llvm-v0`,
the same sessions through CompilerGym's client and service, which runs what `PassOrdering` knows to
do nothing as well; and a shell that starts `opt` for each step on the output of the one before,
which measures nothing. A figure is the ratio of the times of a step: in processor time (of parent
and workers), which others on the machine hardly change, and by the wall; only by that for the
service, whose worker is no child of ours. The time of a step contains its share of the episode's
reset; the benchmark's own references are measured before.

What is not measured: the start of a worker, crashes, forks, rewards that need the object.
"""

from __future__ import annotations

import random
import shlex
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Clock, Figure, Result, Time, column, ratios
from benchmarks.material import Options, examples, functions
from envs.evaluation import Source
from envs.ordering import PassOrdering
from envs.vector import PassOrderingVector
from ir_tools.pipeline import Pipeline
from ir_tools.process import run_tool

_REPETITIONS = 10
_FUNCTIONS = 16
_SMALL = range(10, 150)  # instructions of a small function, before any pass
_STEPS = 45
_PROCESS_STEPS = 5  # they take so much longer
_TIMEOUT_S = 300.0
_SPACES = {"observation_space": "Autophase", "reward_space": "IrInstructionCount"}


def run(options: Options) -> Result:
    """Figures for one worker and for two."""
    small = [one for one in functions(examples()) if one.instructions in _SMALL]
    small.sort(key=lambda one: one.instructions)
    sources = [one.source for one in small[:: max(1, len(small) // _FUNCTIONS)]]
    clocks = measure(sources, options.times(_REPETITIONS))
    figures = []
    for name, workers in (("one", "one worker"), ("two", "two workers")):
        rate = 1 / statistics.median(column(clocks, name))
        for kind in ("cpu", "wall"):
            figures.append(
                Figure(
                    f"environment: {workers} faster than opt processes, {kind}",
                    ratios(clocks, "processes", name, kind),
                    at_least=20 if name == "one" else None,
                    note=f"{rate:.0f} steps a second" if kind == "wall" else "",
                )
            )
    rate = 1 / statistics.median(column(clocks, "rpc"))
    figures.append(
        Figure(
            "environment: one worker faster than through CompilerGym, wall",
            ratios(clocks, "rpc", "one"),
            at_least=5,
            note=f"{rate:.0f} steps a second through CompilerGym",
        )
    )
    figures.append(Figure("environment: two workers against one", ratios(clocks, "one", "two")))
    return Result(tuple(figures), [clock.as_json() for clock in clocks])


def measure(sources: Sequence[Source], repetitions: int) -> list[Clock]:
    """A clock a repetition: what a step took in each way, in the mean over all sources."""
    one, two, rpc = (
        PassOrdering(**_SPACES),
        PassOrderingVector(2, **_SPACES),
        _through_compilergym(),
    )
    with tempfile.TemporaryDirectory() as folder:
        clocks = [
            _turn(one, two, rpc, Path(folder), sources, random.Random(repetition))
            for repetition in range(-1, repetitions)
        ]
    one.close()
    two.close()
    rpc.close()
    return clocks[1:]  # in the first turn workers start


def _turn(
    one: PassOrdering,
    two: PassOrderingVector,
    rpc: Any,
    folder: Path,
    sources: Sequence[Source],
    rng: random.Random,
) -> Clock:
    """Every way once, with the same actions."""
    actions = [rng.choices(range(len(one.actions)), k=_STEPS) for _ in sources]
    texts = [[str(Pipeline.of([one.actions[number]])) for number in each] for each in actions]
    steps, clock = _STEPS * len(sources), Clock()
    _time(clock, "one", steps, lambda: _alone(one, sources, actions))
    _time(clock, "two", 2 * steps, lambda: _both(two, sources, actions))
    _time(clock, "rpc", steps, lambda: _by_rpc(rpc, sources, actions))
    few = _PROCESS_STEPS * len(sources)
    _time(clock, "processes", few, lambda: _by_processes(folder, sources, texts))
    return clock


def _time(clock: Clock, name: str, steps: int, work: Callable[[], Any]) -> None:
    whole = Clock()
    whole.time(name, work)
    clock.add(name, Time(whole.times[name].wall / steps, whole.times[name].cpu / steps))


def _alone(env: PassOrdering, sources: Sequence[Source], actions: Sequence[list[int]]) -> None:
    for source, each in zip(sources, actions, strict=True):
        env.reset(options={"benchmark": source})
        for action in each:
            env.step(action)


def _both(
    envs: PassOrderingVector, sources: Sequence[Source], actions: Sequence[list[int]]
) -> None:
    """Each of the two environments does all of it."""
    for source, each in zip(sources, actions, strict=True):
        envs.reset(options={"benchmark": source})
        for action in each:
            envs.step([action, action])


def _through_compilergym() -> Any:
    import envs.compilergym  # noqa: I001 (it makes the other importable)
    import compiler_gym

    return compiler_gym.make(envs.compilergym.shims.ID, **_SPACES)


def _by_rpc(env: Any, sources: Sequence[Source], actions: Sequence[list[int]]) -> None:
    from compiler_gym.datasets import Benchmark

    for source, each in zip(sources, actions, strict=True):
        uri = f"benchmark://functions-v0/{source.digest}"
        env.reset(benchmark=Benchmark.from_file_contents(uri, source.data))
        for action in each:
            env.step(action)


def _by_processes(folder: Path, sources: Sequence[Source], texts: Sequence[list[str]]) -> None:
    commands = []
    for index, (source, each) in enumerate(zip(sources, texts, strict=True)):
        path = str(folder / f"{index}.bc")
        Path(path).write_bytes(source.data)
        commands += [
            shlex.join(["opt-22", f"-passes={text}", path, "-o", path])
            for text in each[:_PROCESS_STEPS]
        ]
    run_tool(["sh", "-ec", "\n".join(commands)], timeout_s=_TIMEOUT_S).check()
