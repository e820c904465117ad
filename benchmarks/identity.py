"""`ozone opt -passes=P --policy oz` writes the IR that `opt -passes=P` writes, to the letter.

200 random production pipelines of every scope on each of 50 functions. Ours go through `optimise`
and `Evaluator.build`, as in `ozone opt`; a sample of 20 goes through the command itself. A pipeline
may fail, but then in both. Texts that differ in comments alone (the order of predecessors, which is
that of uses) are counted as different, and said apart.

Not covered: whole modules, bitcode output, `opt`'s other options.
"""

from __future__ import annotations

import collections
import random
import re
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.optimise import Settings, optimise
from agent.policy import random_pipeline
from benchmarks.figures import Figure, Result
from benchmarks.material import Options, environment, sample, script
from envs.evaluation import Artefact, Job, Source
from envs.evaluator import Evaluator
from ir_tools.errors import OzoneError
from ir_tools.passes import catalogue
from ir_tools.process import run_tool

_FUNCTIONS = 50
_PIPELINES = 200
_SAMPLE = 20
_LEAST_INSTRUCTIONS = 5
_TIMEOUT_S = 600.0
_SHOWN = 20
_EQUAL, _BOTH_FAIL = "equal", "fail in both"
_COMMENTS, _DIFFER, _ONE_FAILS = "differ in comments", "differ", "fail in one"
_BAD = (_COMMENTS, _DIFFER, _ONE_FAILS)
_COMMENT = re.compile(rb"\s*;.*")

Verdicts = collections.Counter[str]


def run(options: Options) -> Result:
    """How many pairs are equal, fail on both sides, differ."""
    functions = sample(options.bitcode, options.times(_FUNCTIONS), _LEAST_INSTRUCTIONS, seed=1)
    pipelines = _pipelines(options.times(_PIPELINES))
    verdicts, different = Verdicts(), []
    with tempfile.TemporaryDirectory() as name:
        for number, one in enumerate(functions):
            path = Path(name, f"{number}.bc")
            path.write_bytes(one.source.data)
            for pipeline, verdict in zip(pipelines, _compare_all(path, pipelines), strict=True):
                verdicts[verdict] += 1
                if verdict in _BAD:
                    different.append((one.source.name, pipeline, verdict))
        commands = _sample(options, Path(name), len(functions), pipelines)
    return Result(
        (_figure("pairs", verdicts), _figure("commands", commands)),
        {"pairs": verdicts, "commands": commands, "different": different},
        "\n".join(f"{name}: {verdict}: {text}" for name, text, verdict in different[:_SHOWN]),
    )


def _figure(what: str, verdicts: Verdicts) -> Figure:
    note = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    bad = sum(verdicts[verdict] for verdict in _BAD)
    return Figure(f"identity: {what} that are not", (bad,), "", at_most=0, note=note)


def _pipelines(count: int) -> list[str]:
    rng = random.Random(0)
    passes = tuple(variant for row in catalogue() for variant in row.variants)
    return [str(random_pipeline(rng, passes)) for _ in range(count)]


def _compare_all(path: Path, pipelines: Sequence[str]) -> Iterator[str]:
    """A verdict for each pipeline. The worker sees one module only, as in `ozone opt`."""
    with Evaluator(1) as evaluator:
        for pipeline, theirs in zip(pipelines, _by_opt(path, pipelines), strict=True):
            yield _compare(theirs, _by_evaluator(evaluator, path, pipeline))


def _compare(theirs: bytes | None, ours: bytes | None) -> str:
    if theirs is None or ours is None:
        return _BOTH_FAIL if theirs is ours else _ONE_FAILS
    if theirs == ours:
        return _EQUAL
    same_code = _COMMENT.sub(b"", theirs) == _COMMENT.sub(b"", ours)
    return _COMMENTS if same_code else _DIFFER


def _by_opt(path: Path, pipelines: Sequence[str]) -> Iterator[bytes | None]:
    """What `opt` writes for each pipeline; None where it fails."""
    outputs = [path.with_suffix(f".{number}.ll") for number in range(len(pipelines))]
    script = "\n".join(
        shlex.join(["opt-22", f"-passes={pipeline}", "-S", str(path), "-o", str(output)])
        + f" || rm -f {shlex.quote(str(output))}"
        for pipeline, output in zip(pipelines, outputs, strict=True)
    )
    run_tool(["sh", "-c", script], timeout_s=_TIMEOUT_S)
    for output in outputs:
        yield output.read_bytes() if output.exists() else None
        output.unlink(missing_ok=True)


def _by_evaluator(evaluator: Evaluator, path: Path, pipeline: str) -> bytes | None:
    source = Source(str(path), path.read_bytes())
    try:
        plan = optimise(evaluator, source, Settings(policy="oz", baseline=pipeline)).plan
        return evaluator.build(Job(source, plan), Artefact.IR)[1]
    except OzoneError:
        return None


def _sample(options: Options, folder: Path, functions: int, pipelines: Sequence[str]) -> Verdicts:
    """The same comparison through the command line, of some pairs."""
    rng, verdicts = random.Random(2), Verdicts()
    env = environment(options.folder, OZONE_CACHE="")
    for _ in range(options.times(_SAMPLE)):
        path, pipeline = folder / f"{rng.randrange(functions)}.bc", rng.choice(pipelines)
        (theirs,) = _by_opt(path, [pipeline])
        argv = [script("ozone"), "opt", f"-passes={pipeline}", "--policy", "oz", "-S", str(path)]
        result = run_tool(argv, timeout_s=_TIMEOUT_S, env=env)
        ours = result.stdout if result.returncode == 0 else None
        verdicts[_compare(theirs, ours)] += 1
    return verdicts
