"""Compiles plans in worker processes that may crash, and measures the results.

`Evaluator.evaluate` takes a batch of jobs and answers an `Evaluation` each, in order. A worker that
dies, hangs past its CPU limit or outgrows its memory limit is replaced and the batch goes on. Where
one function's pipeline is to blame, the job is repeated without it, so that no other function's
measurement is lost.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import os
import selectors
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from envs.cache import Cache
from envs.evaluation import Artefact, Evaluation, Failure, Job, ModuleInfo, Source, Status
from envs.pool import Death, Limits, Reply, Request, StartWorker, WorkerHandle, spawned
from ir_tools.errors import OzoneError, WorkerError
from ir_tools.installed import identity
from ir_tools.plan import Change, Plan

_CHUNK = 16  # plans in one request, so that they share what a message costs
_SMALL_BYTES = 1 << 15  # of a source; larger ones take so long that it does not show


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A job on its way: the plan still to be tried, and what was left out of it so far."""

    job: Job
    plan: Plan
    failures: tuple[Failure, ...] = ()

    def blame(self, function: str, evaluation: Evaluation) -> _Attempt:
        failure = Failure(function, evaluation.status, evaluation.message)
        return _Attempt(self.job, self.plan.without({function}), (*self.failures, failure))


class Evaluator:
    """A pool of `jobs` workers and the cache before it. A context manager; one thread at a time.

    Workers start when the first batch needs them and end in `close`, whatever they are doing.
    """

    def __init__(
        self,
        jobs: int | None = None,
        cache: Cache | None = None,
        limits: Limits = Limits(),
        start_worker: StartWorker = spawned,
    ) -> None:
        self._jobs = jobs or len(os.sched_getaffinity(0))
        self.cache = cache or Cache(None)
        self._limits, self._start_worker = limits, start_worker
        self._workers: list[WorkerHandle] = []
        self._aborted = False
        self.compilations = 0  # jobs that were really run, repetitions included
        self.cache_hits = 0
        self.deaths: collections.Counter[Status] = collections.Counter()

    def start(self) -> None:
        """Start one worker now, so that it loads LLVM while the caller does something else."""
        if not self._workers:
            self._workers.append(WorkerHandle(self._limits, self._start_worker))

    def inspect(self, source: Source) -> ModuleInfo:
        """Facts about a module. Raises ParseError, InvalidModuleError, WorkerError."""
        info: ModuleInfo = self._one(Request("inspect", source, (), compilations=0))
        return info

    def build(self, job: Job, artefact: Artefact) -> tuple[Evaluation, bytes]:
        """Compile one plan for keeps. Raises OzoneError; WorkerError when LLVM crashes on it."""
        arguments = (job.plan, job.target, job.own_sections, artefact)
        result: tuple[Evaluation, bytes] = self._one(Request("build", job.source, arguments))
        return result

    def changes(self, job: Job, names: Sequence[str]) -> list[Change]:
        """What the plan's pipelines make of the functions `names`, for a judge to compare.

        Raises OzoneError; functions that cannot be taken out of their module are left out.
        """
        arguments = (job.plan, job.target, names)
        found: list[Change] = self._one(Request("changes", job.source, arguments, compilations=0))
        return found

    def evaluate(self, jobs: Sequence[Job]) -> list[Evaluation]:
        """One evaluation a job, in order. Raises ParseError and other errors of the source itself;
        what a plan does wrong is a status."""
        results: dict[int, Evaluation] = {}
        attempts: dict[int, _Attempt] = {}
        keys = self._keys(jobs)
        for index, job in enumerate(jobs):
            cached = self.cache.evaluation(keys[index])
            if cached is not None:
                results[index] = cached
                self.cache_hits += 1
            else:
                attempts[index] = _Attempt(job, job.plan)
        while attempts:
            for index, outcome in self._round(attempts).items():
                if isinstance(outcome, _Attempt):
                    attempts[index] = outcome
                else:
                    results[index] = outcome
                    if _repeatable(outcome):
                        self.cache.put_evaluation(keys[index], outcome)
                    del attempts[index]
        return [results[index] for index in range(len(jobs))]

    def _keys(self, jobs: Sequence[Job]) -> list[str]:
        """What each job's evaluation is cached under; it takes time, and may not be needed."""
        if not self.cache.is_open:
            return [""] * len(jobs)
        llvm = identity()
        return [f"{llvm} {job.key}" for job in jobs]

    def _round(self, attempts: dict[int, _Attempt]) -> dict[int, Evaluation | _Attempt]:
        """Try every attempt once: a final evaluation, or the next attempt.

        Neither is there for those that shared a request with one that ended its worker.
        """
        chunks = list(_chunks(attempts, self._jobs))
        requests = [_request([attempts[index] for index in chunk]) for chunk in chunks]
        outcomes: dict[int, Evaluation | _Attempt] = {}
        for chunk, reply in zip(chunks, self._run(requests), strict=True):
            for index, (evaluation, function) in _judge(chunk, reply).items():
                outcomes[index] = self._settle(attempts[index], evaluation, function)
        return outcomes

    def _settle(
        self, attempt: _Attempt, evaluation: Evaluation, function: str | None
    ) -> Evaluation | _Attempt:
        if evaluation.ok:
            failed = {failure.function for failure in attempt.failures}
            kept = {name: size for name, size in evaluation.functions.items() if name not in failed}
            return dataclasses.replace(evaluation, functions=kept, failures=attempt.failures)
        known = {failure.function for failure in attempt.failures}
        suspects = [name for name, text in attempt.plan.functions if text]
        if function is None or function in known or not (function or suspects):
            return dataclasses.replace(evaluation, failures=attempt.failures)
        if function:
            return attempt.blame(function, evaluation)
        if len(suspects) == 1:
            return attempt.blame(suspects[0], evaluation)
        return self._bisect(attempt, suspects, evaluation)

    def _bisect(
        self, attempt: _Attempt, suspects: list[str], evaluation: Evaluation
    ) -> Evaluation | _Attempt:
        """Find whose pipeline makes the whole fail, for example in code generation."""
        nobodys = dataclasses.replace(attempt.job, plan=attempt.plan.without(set(suspects)))
        if not self.evaluate([nobodys])[0].ok:
            return evaluation
        halves = (set(suspects[::2]), set(suspects[1::2]))
        plans = [attempt.plan.without(half) for half in halves]
        evaluations = self.evaluate([dataclasses.replace(attempt.job, plan=p) for p in plans])
        failures = tuple(failure for one in evaluations for failure in one.failures)
        if not failures:  # only together do they fail: give up the second half
            message = "fails only together with other functions' pipelines"
            failures = tuple(Failure(name, Status.CRASH, message) for name in sorted(halves[1]))
        names = {failure.function for failure in failures}
        return _Attempt(attempt.job, attempt.plan.without(names), (*attempt.failures, *failures))

    def _one(self, request: Request) -> Any:
        reply = self._run([request])[0]
        if isinstance(reply, Death):
            raise WorkerError(f"{request.source.name}: LLVM failed on it: {reply.message}")
        return reply

    def _run(self, requests: Sequence[Request]) -> list[Any]:
        """What each method returned, or the worker's death. Raises a request's own OzoneError."""
        replies = self.ask(requests)
        for reply in replies:
            if isinstance(reply, OzoneError):
                raise reply
        return [reply.value if isinstance(reply, Reply) else reply for reply in replies]

    def ask(self, requests: Sequence[Request]) -> list[Reply | Death | OzoneError]:
        """Replies to any requests, in order."""
        replies: dict[int, Any] = {}
        pending = collections.deque(enumerate(requests))
        busy: dict[int, WorkerHandle] = {}
        try:
            with selectors.DefaultSelector() as selector:
                while pending or busy:
                    self._feed(pending, busy, selector)
                    for index in self._collect(busy, selector, replies):
                        del busy[index]
                    if self._aborted:
                        raise WorkerError("interrupted")
        finally:  # who is still busy is so for a caller that has gone
            for worker in busy.values():
                self._retire(worker)
        return [replies[index] for index in range(len(requests))]

    def _feed(
        self,
        pending: collections.deque[tuple[int, Request]],
        busy: dict[int, WorkerHandle],
        selector: selectors.BaseSelector,
    ) -> None:
        while pending and len(busy) < self._jobs:
            worker = self._idle(busy)
            if worker is None:
                worker = WorkerHandle(self._limits, self._start_worker)
                self._workers.append(worker)
            index, request = pending.popleft()
            self.compilations += request.compilations
            worker.send(request)
            busy[index] = worker
            selector.register(worker.replies, selectors.EVENT_READ, index)

    def _idle(self, busy: dict[int, WorkerHandle]) -> WorkerHandle | None:
        """A worker that waits for work; those that were killed while they did are cleared away."""
        for worker in [w for w in self._workers if w not in busy.values()]:
            if worker.is_alive:
                return worker
            self._retire(worker)
        return None

    def _collect(
        self,
        busy: dict[int, WorkerHandle],
        selector: selectors.BaseSelector,
        replies: dict[int, Any],
    ) -> list[int]:
        """Wait for news; the requests that have ended."""
        patience = min(worker.seconds_left for worker in busy.values())
        ready = [key.data for key, _ in selector.select(max(0.0, patience))]
        late = [index for index, worker in busy.items() if worker.seconds_left <= 0]
        ended = []
        for index in dict.fromkeys((*ready, *late)):
            worker = busy[index]
            reply = worker.kill_late() if index not in ready else worker.receive()
            if reply is None:  # it was sent once more
                continue
            selector.unregister(worker.replies)
            replies[index] = reply
            ended.append(index)
            if isinstance(reply, Death):
                self.deaths[reply.status] += 1
                self._retire(worker)
        return ended

    def _retire(self, worker: WorkerHandle) -> None:
        self._workers.remove(worker)
        worker.close()

    def abort(self) -> None:
        """Make the batch under way, in whatever thread, end with WorkerError; for Ctrl-C."""
        self._aborted = True
        for worker in list(self._workers):
            worker.kill()

    def close(self) -> None:
        """End every worker at once."""
        while self._workers:
            self._workers.pop().close()

    def __enter__(self) -> Evaluator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()


def _repeatable(evaluation: Evaluation) -> bool:
    """Whether it would be the same with other limits, on another day."""
    statuses = {evaluation.status, *(failure.status for failure in evaluation.failures)}
    return not statuses & {Status.HANG, Status.OOM, Status.KILLED}


def _chunks(attempts: Mapping[int, _Attempt], jobs: int) -> Iterator[list[int]]:
    """Neighbours that share a request: small ones, of one source and for one target."""

    def kind(index: int) -> object:
        job = attempts[index].job
        shares = len(job.source.data) < _SMALL_BYTES
        return job.source.digest, job.target, job.own_sections, None if shares else index

    size = max(1, min(_CHUNK, len(attempts) // jobs))
    for _, group in itertools.groupby(attempts, kind):
        indices = list(group)
        for start in range(0, len(indices), size):
            yield indices[start : start + size]


def _request(attempts: list[_Attempt]) -> Request:
    job, each = attempts[0].job, tuple(attempt.plan for attempt in attempts)
    return Request("evaluate", job.source, (each, job.target, job.own_sections), len(each))


def _judge(chunk: list[int], reply: Any) -> dict[int, tuple[Evaluation, str | None]]:
    """The evaluations in a reply to a chunk, and the function to blame for a bad one.

    "" when it is not known which, None when it is none.
    """
    if isinstance(reply, Death):
        return {chunk[reply.done]: (Evaluation(reply.status, reply.message), reply.function)}
    return dict(zip(chunk, reply, strict=True))
