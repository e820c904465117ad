"""What a policy keeps of a function at each budget: the best that a judge lets through.

Budgets go from small to large. What was kept at one is the floor of the next, so that no judge can
make a larger budget worse; what was judged once is not judged again. -Oz's own result, which needs
no verdict, is the first floor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import track

from agent.acceptance import EFFORT
from agent.frontier.runs import Contender, Run
from agent.optimise import Objective
from agent.parts import job
from anghabench.store import CorpusFunction, Measured
from envs.cache import Cache, default_path
from envs.evaluation import Artefact
from envs.evaluator import Evaluator
from envs.parallel import for_each
from envs.verification import verify
from ir_tools.errors import WorkerError
from ir_tools.verify.verdict import Accept, Kind, Side, Verdict

_ROUNDS = 4  # of next best results for each budget, as in `agent.acceptance`


@dataclass(frozen=True, slots=True)
class Winner:
    """The pipeline kept and what it measures; no pipeline means -Oz's own result.

    The verdict is of what was kept, or why it would not be; None where nobody had to ask.
    """

    measured: Measured
    pipeline: str = ""
    verdict: Kind | None = None


# For each budget, what would be kept without judges, and what is.
Kept = Mapping[int, tuple[Winner, Winner]]


def choose(
    functions: Sequence[CorpusFunction],
    runs: Sequence[Run],
    budgets: Sequence[int],
    objective: Objective,
    accept: Accept | None,
    jobs: int | None,
    console: Console,
) -> list[Kept]:
    """What is kept of each run; None accepts all. Verdicts are kept in the user's cache."""
    by_function: dict[str, list[int]] = {function.id: [] for function in functions}
    for index, run in enumerate(runs):
        by_function[run.function].append(index)

    def work(evaluator: Evaluator, _: Cache, function: CorpusFunction) -> dict[int, Kept]:
        judge = Judge(evaluator, function, accept)
        wanted = by_function[function.id]
        return {index: kept(runs[index], budgets, objective, judge) for index in wanted}

    found: dict[int, Kept] = {}
    results = for_each(functions, work, cache=default_path(), jobs=jobs)
    for _, part in track(results, "judging", total=len(functions), console=console):
        found |= part
    return [found[index] for index in range(len(runs))]


class Judge:
    """Verdicts on pipelines of one function; what several make alike is judged once."""

    def __init__(
        self, evaluator: Evaluator, function: CorpusFunction, accept: Accept | None
    ) -> None:
        self._evaluator = evaluator
        self._function = function
        self._accept = accept
        self._results: dict[str, str] = {}  # hashes, by pipeline
        self._verdicts: dict[str, Verdict] = {}  # by those

    def result(self, pipeline: str) -> str:
        """What the pipeline makes of the function, by its hash; judged by then."""
        if pipeline not in self._results:
            self._judge(pipeline)
        return self._results[pipeline]

    def allows(self, pipeline: str) -> bool:
        return self._accept is None or self._accept.allows(self.verdict(pipeline))

    def verdict(self, pipeline: str) -> Verdict:
        return self._verdicts[self.result(pipeline)]

    def kind(self, pipeline: str) -> Kind | None:
        return None if self._accept is None else self.verdict(pipeline).kind

    def _judge(self, pipeline: str) -> None:
        try:
            _, made = self._evaluator.build(job(self._function, pipeline), Artefact.BITCODE)
        except WorkerError as error:  # though it compiled when it was measured
            self._results[pipeline] = pipeline
            self._verdicts[pipeline] = Verdict(Kind.UNKNOWN, "none", str(error))
            return
        self._results[pipeline] = result = hashlib.sha256(made).hexdigest()
        if result not in self._verdicts:
            symbol = self._function.symbol
            sides = Side(self._function.bitcode, symbol), Side(made, symbol)
            (self._verdicts[result],) = verify(self._evaluator, [sides], EFFORT)


def kept(run: Run, budgets: Sequence[int], objective: Objective, judge: Judge) -> Kept:
    """Without judges and with them, for each budget."""
    floor, found, refused = Winner(run.baseline), {}, set[str]()
    ranked = sorted(run.contenders, key=lambda one: (_of(objective, one.measured), one.index))
    for budget in sorted(budgets):
        within = [one for one in ranked if one.index < budget]
        floor = _accepted(within, floor, objective, judge, refused)
        found[budget] = _best(within, floor, objective, judge), floor
    return found


def _best(ranked: Sequence[Contender], floor: Winner, objective: Objective, judge: Judge) -> Winner:
    """What would be kept without judges, which is what was kept unless they refused it."""
    if not ranked or _of(objective, ranked[0].measured) >= _of(objective, floor.measured):
        return floor
    best = ranked[0]
    return Winner(best.measured, best.pipeline, judge.kind(best.pipeline))


def _accepted(
    ranked: Iterable[Contender],
    floor: Winner,
    objective: Objective,
    judge: Judge,
    refused: set[str],
) -> Winner:
    """The best one that is better than the floor and acceptable, or the floor.

    The run's `refused` results grow by `_ROUNDS` at most, whatever was judged for other policies.
    """
    most = len(refused) + _ROUNDS
    for one in ranked:
        worse = _of(objective, one.measured) >= _of(objective, floor.measured)
        if worse or len(refused) >= most:
            break
        if judge.allows(one.pipeline):
            return Winner(one.measured, one.pipeline, judge.kind(one.pipeline))
        refused.add(judge.result(one.pipeline))
    return floor


def _of(objective: Objective, measured: Measured) -> int:
    return int(getattr(measured, objective.value))
