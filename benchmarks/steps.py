"""A hundred thousand random steps of the environment over all passes, experimental ones included.

Episodes of 45 steps on whole modules, csmith's programs among them, and on functions taken out of
them, in turn. Nothing that LLVM does may reach the caller as an exception; each crash, hang and
exhaustion must end its episode with its name in `info`, and so must what judges refute, whom a
build's effort is granted; and the episode must sum to no more than zero. One episode in fifty is
replayed from its line. And memory must stay flat: of this process, and of the workers, which
crashes renew, so that their greatest size in the second tenth of the steps is compared with that in
the last tenth.

With `--bitcode DIR` modules are harvested ones. What is not covered: verdicts on whole modules, and
modules of more than 200 KB of bitcode, which only take longer.
"""

from __future__ import annotations

import collections
import itertools
import json
import os
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.acceptance import EFFORT
from benchmarks.figures import Figure, Result, children
from benchmarks.material import FunctionSource, Options, functions, modules, sample
from benchmarks.memory import resident
from envs.episode import Episode
from envs.evaluation import Source
from envs.ordering import PassOrdering
from envs.pool import Limits
from envs.subject import find
from ir_tools.passes import Trust
from ir_tools.verify.verdict import Kind

_STEPS = 100_000
_FUNCTIONS, _MODULES, _PROGRAMS = 160, 30, 10  # the last are csmith's
_LEAST_INSTRUCTIONS, _MOST_BYTES = 10, 200_000
_LIMITS = Limits(cpu_s=5)
_REPLAYED = 50  # one episode in so many
_FLAT_PERCENT = 5.0
_PASS = re.compile(r"Running pass [\"'](.+?)[\"'] on")


@dataclass
class _Log:
    """What happened."""

    steps: int = 0
    endings: collections.Counter[str] = field(default_factory=collections.Counter)
    verdicts: collections.Counter[str] = field(default_factory=collections.Counter)
    culprits: collections.Counter[str] = field(default_factory=collections.Counter)
    failed: list[Episode] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    memory: list[tuple[int, float, float]] = field(default_factory=list)  # steps, worker, parent


def run(options: Options) -> Result:
    """How the episodes ended, and how memory went."""
    total, log = options.times(_STEPS), _Log()
    judged, unjudged = _environment("episode"), _environment("never")
    rng = random.Random(0)
    for number, (source, is_function) in enumerate(_sources(options)):
        env = judged if is_function else unjudged
        try:
            _episode(env, source, rng, log)
            if number % _REPLAYED == 0:
                log.problems += env.validate().problems
        except Exception as error:  # the very thing that must not happen is what is counted
            log.exceptions.append(f"{source.name}: {type(error).__name__}: {error}")
        if log.steps >= total:
            break
    judged.close()
    unjudged.close()
    return _result(log, total)


def _environment(verify: str) -> PassOrdering:
    return PassOrdering(
        observation_space="Autophase", trust=Trust.EXPERIMENTAL, limits=_LIMITS, verify=verify,
        effort=EFFORT,
    )  # fmt: skip


def _sources(options: Options) -> Iterator[tuple[Source, bool]]:
    """Functions and modules in turn, without end, and whether it is a function."""
    rng = random.Random(0)
    random_programs = [find(f"generator://csmith-v0/{seed}").source for seed in range(_PROGRAMS)]
    own = [each for each in functions(random_programs) if _fits(each)]
    parts = sample(options.bitcode, _FUNCTIONS, _LEAST_INSTRUCTIONS)
    parts += rng.sample(own, min(_FUNCTIONS // 4, len(own)))
    whole = [one for one in modules(options.bitcode) if len(one.data) < _MOST_BYTES]
    whole = rng.sample(whole, min(_MODULES, len(whole))) + random_programs
    rng.shuffle(parts)
    rng.shuffle(whole)
    for part, module in zip(itertools.cycle(parts), itertools.cycle(whole), strict=False):
        yield part.source, True
        yield module, False


def _fits(one: FunctionSource) -> bool:
    return one.instructions >= _LEAST_INSTRUCTIONS and len(one.source.data) < _MOST_BYTES


def _episode(env: PassOrdering, source: Source, rng: random.Random, log: _Log) -> None:
    env.reset(options={"benchmark": source})
    over, earned = False, 0.0
    info: dict[str, Any] = {}
    while not over:
        _, reward, terminated, truncated, info = env.step(rng.randrange(len(env.actions)))
        earned, over = earned + reward, terminated or truncated
        log.steps += 1
        if log.steps % 1000 == 0:
            log.memory.append((log.steps, _worker_mib(), resident(os.getpid())))
    kind = info.get("error_type", "ok")
    if verdict := info.get("verdict"):
        log.verdicts[verdict] += 1
        kind = verdict if verdict == Kind.REFUTED else kind
    log.endings[kind] += 1
    if kind != "ok":
        log.culprits[_culprit(kind, info, env)] += 1
        log.failed.append(env.episode)
        if earned > 1e-9:
            log.problems.append(f"{source.name}: {kind}, and yet {earned} was earned")


def _culprit(kind: str, info: Mapping[str, Any], env: PassOrdering) -> str:
    if kind == Kind.REFUTED:
        return f"{kind}: {info['verdict_reason']}"
    match = _PASS.search(info["error_details"])
    return f"{kind} in {match[1] if match else env.run.record().failed}"


def _worker_mib() -> float:
    return max((resident(pid) for pid in children()), default=0.0)


def _growth(log: _Log, total: int, column: int) -> tuple[float, str]:
    """Percent from the greatest in the second tenth to the greatest in the last; and a note."""
    tenth = total / 10
    early = max(row[column] for row in log.memory if tenth < row[0] <= 2 * tenth)
    late = max(row[column] for row in log.memory if row[0] > total - tenth)
    return 100 * (late - early) / early, f"from {early:.0f} to {late:.0f} MiB"


def _result(log: _Log, total: int) -> Result:
    counted = ", ".join(f"{count} {kind}" for kind, count in log.endings.most_common())
    said = ", ".join(f"{count} {kind}" for kind, count in log.verdicts.most_common())
    figures = [
        Figure("steps: verdicts", (log.verdicts.total(),), "", note=said),
        Figure("steps: taken", (log.steps,), "", note=f"episodes: {counted}"),
        Figure("steps: exceptions that reached the caller", (len(log.exceptions),), "", 0),
        Figure("steps: episodes that do not hold", (len(log.problems),), "", 0),
    ]
    for what, column in (("worker", 1), ("parent", 2)):
        percent, note = _growth(log, total, column)
        figures.append(
            Figure(f"steps: growth of the {what}", (percent,), "%", _FLAT_PERCENT, note=note)
        )
    lines = [f"steps: {count:6} {culprit}" for culprit, count in log.culprits.most_common()]
    data = {
        "endings": log.endings,
        "verdicts": log.verdicts,
        "culprits": log.culprits,
        "failed": [json.loads(episode.to_json()) for episode in log.failed],
        "exceptions": log.exceptions,
        "problems": log.problems,
        "memory": log.memory,
    }
    return Result(tuple(figures), data, "\n".join(lines + log.exceptions + log.problems))
