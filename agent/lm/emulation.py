"""How well the model knows the compiler: `ozone train evaluate` (after Cummins et al., 2023).

For each held-out function the model writes a pipeline, then says what -Oz makes of the function and
what that pipeline does, in bytes, and last the optimised IR. All of it is compared with what LLVM
does. What the model says is measured, never believed.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from agent.acceptance import EFFORT
from agent.lm.encoding import NAME, decode
from agent.lm.policy import LmPolicy
from agent.lm.prompt import MOST, compact, prompt
from agent.lm.tokenizer import Marker
from agent.parts import after, baseline_job, evaluated, job, sample
from agent.policy import SIMPLIFIED
from agent.sampling import Grammar, greedy
from anghabench import store
from anghabench.store import CorpusFunction
from envs.cache import Cache
from envs.evaluator import Evaluator
from envs.parallel import for_each
from envs.verification import verify
from ir_tools.errors import OzoneError
from ir_tools.llvm import Context
from ir_tools.verify.verdict import Side

_MOST_CODE = 400  # tokens of optimised IR
_NEAR = 0.05  # a size that is known so well counts as known


@dataclass(frozen=True, slots=True)
class Emulated:
    """What the model said of one function, against what is so.

    Sizes are pairs (said, measured), in bytes; `after` is None where the pipeline fails. `text`
    says how far the optimised IR is right: `endless`, `nonsense`, `valid` or `exact`; `verdict`
    what a judge says of what is valid, against the function.
    """

    before: tuple[int, int]
    after: tuple[int, int] | None
    text: str
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Of so many functions: median relative errors of sizes, the shares that are known to five
    percent, and how many texts and verdicts there are of each kind."""

    functions: int
    skipped: int
    before_error: float
    before_known: float
    after_error: float
    after_known: float
    texts: dict[str, int]
    verdicts: dict[str, int]

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"


def evaluate(
    model: Path, folder: Path, count: int | None, seed: int, jobs: int | None, console: Console
) -> Report:
    """Ask about the held-out split of a corpus, or a sample of it. Raises OzoneError."""
    policy = LmPolicy(model)
    held_out = list(store.read(folder, "held-out"))
    functions = sample(held_out, count or len(held_out), seed)
    if not functions:
        raise OzoneError(f"no held-out functions in {folder}")
    found = list(_each(policy, functions, jobs, console))
    return _report(found, len(functions) - len(found))


def _each(
    policy: LmPolicy, functions: Sequence[CorpusFunction], jobs: int | None, console: Console
) -> Iterator[Emulated]:
    """Functions that even -Oz fails on, or that have no compact text, are left out."""

    def work(evaluator: Evaluator, _: Cache, function: CorpusFunction) -> Emulated | None:
        with contextlib.suppress(OzoneError):
            return _emulated(policy, evaluator, function)
        return None

    results = for_each(functions, work, cache=None, jobs=jobs)
    with contextlib.closing(results):
        tracked = track(results, "asking", total=len(functions), console=console)
        yield from (found for _, found in tracked if found)


def _emulated(policy: LmPolicy, evaluator: Evaluator, function: CorpusFunction) -> Emulated:
    vocabulary, engine = policy.vocabulary, policy.engine
    shown = compact(after(evaluator, function, SIMPLIFIED))
    said = [*prompt(vocabulary, shown, MOST), vocabulary.marker(Marker.SMALLER)]
    passes = greedy(engine, said, policy.grammar).tokens
    pipeline = str(vocabulary.pipeline(passes))
    said += [*passes, vocabulary.marker(Marker.END)]
    sizes = []
    for marker in (Marker.BEFORE, Marker.AFTER):
        said.append(vocabulary.marker(marker))
        size = _most_likely_size(policy, said)
        said.append(vocabulary.size(size))
        sizes.append(size)
    jobs = [baseline_job(function), job(function, pipeline)]
    baseline, measured = evaluated(evaluator, jobs)
    fine = measured.ok and not measured.failures
    text, verdict = _written(policy, evaluator, function, said, pipeline) if fine else ("", "")
    return Emulated(
        (sizes[0], baseline.size), (sizes[1], measured.size) if fine else None, text, verdict
    )


def _most_likely_size(policy: LmPolicy, said: Sequence[int]) -> int:
    _, logits = policy.engine.read(said)
    tokens = policy.vocabulary.sizes
    size = policy.vocabulary.count(tokens[int(np.argmax(logits[list(tokens)]))])
    assert size is not None
    return size


def _written(
    policy: LmPolicy,
    evaluator: Evaluator,
    function: CorpusFunction,
    said: Sequence[int],
    pipeline: str,
) -> tuple[str, str]:
    """How far the optimised IR is right, and what a judge says of it."""
    vocabulary = policy.vocabulary
    grammar = Grammar(vocabulary.words, vocabulary.marker(Marker.END), _MOST_CODE)
    asked = [*said, vocabulary.marker(Marker.OPTIMISED)]
    tokens = greedy(policy.engine, asked, grammar).tokens
    if len(tokens) == _MOST_CODE:
        return "endless", ""
    text = vocabulary.text(tokens)
    try:
        ir = decode(text).encode()
        with Context() as context, context.parse(ir, "said") as module:
            module.verify()
    except OzoneError:
        return "nonsense", ""
    if text == compact(after(evaluator, function, pipeline)):
        return "exact", ""
    pair = Side(function.bitcode, function.symbol), Side(ir, NAME)
    try:
        (verdict,) = verify(evaluator, [pair], EFFORT)
    except OzoneError as error:  # of other types
        return "valid", type(error).__name__
    return "valid", str(verdict.kind)


def _report(found: Sequence[Emulated], skipped: int) -> Report:
    before = [_error(*each.before) for each in found]
    after_ = [_error(*each.after) for each in found if each.after]
    return Report(
        len(found), skipped, *_summary(before), *_summary(after_),
        dict(collections.Counter(each.text for each in found if each.text).most_common()),
        dict(collections.Counter(each.verdict for each in found if each.verdict).most_common()),
    )  # fmt: skip


def _error(said: int, measured: int) -> float:
    return abs(said - measured) / max(1, measured)


def _summary(errors: Sequence[float]) -> tuple[float, float]:
    """The median, and the share of those that are small."""
    if not errors:
        return 0.0, 0.0
    return statistics.median(errors), sum(error <= _NEAR for error in errors) / len(errors)
