"""Versions of a function, timed as machine code on generated inputs.

What is measured: seconds of CPU time for one call on each of some inputs, summed up. The inputs are
those, of more that were tried, on which the reference interpreter runs the source longest, finds it
free of undefined behaviour and of choices, and sees it return. Per input and version a batch of
calls runs in machine code, long enough for the clock. Memory is put back between calls; what that
and entering the function take, measured with an empty function of the same type, is subtracted.
Every sample has a process of its own, in which the code of each version lies somewhere else.

The code is clang's for the generic CPU of the host; variables and callees are reached through
64-bit addresses. Caches are warm and branches known, for the same input comes again and again.
What the module defines runs. Unknown functions take no time of their own: each call of one, in any
version, costs the few nanoseconds that it takes `native` to look up its answer. Library functions
that the interpreter models are the C library's own. Allocating is moving a pointer.

A version that ends otherwise than the interpreter says of the source, on any of the inputs, has no
time. What is not covered: that is no verdict, for nobody looks at the arguments of calls. Inputs
are left out for which a version makes other calls than the source.

Must run in a process that may fork: see `isolation`.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import dataclasses
import functools
import itertools
import random
import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ir_tools.llvm import Context
from ir_tools.process import on_one_core
from ir_tools.target import Target
from ir_tools.verify.execution import image
from ir_tools.verify.execution.execute import Side, complete, read_pair
from ir_tools.verify.execution.glue import slots
from ir_tools.verify.execution.isolation import Death, Limits, Send, isolated
from ir_tools.verify.execution.jit import UnfitError
from ir_tools.verify.execution.machine import Case, Machine
from ir_tools.verify.execution.native import Answer, Native, Write, native
from ir_tools.verify.execution.replay import Addresses, Different, Unjudged, linked
from ir_tools.verify.interpreter.concrete import Address, Unsupported
from ir_tools.verify.interpreter.given import Input, Meter
from ir_tools.verify.interpreter.inputs import inputs
from ir_tools.verify.interpreter.interpreter import Event, Outcome, Status, run
from ir_tools.verify.interpreter.libraries import OUTPUT

Text = tuple[bytes, str]  # IR or bitcode, and the function's name

_BASES = 0x60_0000_0000, 0x70_0000_0000  # of the versions' globals
_FUEL = 20_000  # instructions of a run in the interpreter
_TOTAL, _INTERPRETER_S = 2_000_000, 10.0  # of all runs
_TRIED = 4  # inputs for each that is wanted
_BATCH_S = 0.000_2
_MOST_CALLS = 1 << 20  # in a batch
_ROUNDS = 3  # batches of each kind for a sample, of which the median counts
_HANG_S = 0.5  # CPU time of a batch
_LEAST_S = 1e-11  # what is faster is nothing
_LINE = 64  # bytes; the code of a sample begins anywhere in a line of the cache
_REMEMBERED = 256  # functions, whose inputs are kept
_LIMITS = Limits(cpu_s=60, wall_s=300.0)


class UnmeasurableError(Exception):
    """A version cannot be timed; the message says why, `status` of which kind the reason is:
    `unsupported`, `different`, `crash` or `hang`."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Batch:
    """How a version is timed on a case: so many calls, and before each what has to be restored."""

    calls: int
    changes: tuple[Write, ...]


_Run = tuple[Case, Sequence[_Batch]]  # a batch for each version


class Race:
    """One or two versions of a function, to be run in turn. Made by `race`."""

    def __init__(self, sides: Sequence[Side], cases: Sequence[Case], seed: int) -> None:
        self._sides, self._seed, self._native = sides, seed, native()
        self._reasons: collections.Counter[str] = collections.Counter()
        self._runs = list(self._rehearsed(cases))
        if not self._runs:
            [(reason, _)] = self._reasons.most_common(1)
            raise UnmeasurableError("unsupported", reason)

    @property
    def inputs(self) -> int:
        """On how many inputs is measured."""
        return len(self._runs)

    def sample(self, number: int) -> tuple[float, ...]:
        """Seconds of each version. Raises UnmeasurableError."""
        seed = f"{self._seed} {number}"
        work = functools.partial(_sample, self._native, self._sides, self._runs, seed)
        found = next(isolated(work, _LIMITS))
        if isinstance(found, Death):
            raise UnmeasurableError(*_of_death(found))
        seconds: tuple[float, ...] = found
        return seconds

    def _rehearsed(self, cases: Sequence[Case]) -> Iterator[_Run]:
        """The cases on which every version can be timed. Raises UnmeasurableError where one ends
        as it should not."""
        todo = [(side, case) for case in cases for side in range(len(self._sides))]
        found: list[_Batch | None] = []
        work = functools.partial(_rehearse, self._native, self._sides, todo)
        for answer in isolated(work, _LIMITS):
            if isinstance(answer, Death):
                raise UnmeasurableError(*_of_death(answer))
            if isinstance(answer, Different):
                reason = f"it {answer}, which is not what the source does"
                raise UnmeasurableError("different", reason)
            if isinstance(answer, UnfitError):
                self._reasons[str(answer)] += 1
            found.append(answer if isinstance(answer, _Batch) else None)
        width = len(self._sides)
        for number, case in enumerate(cases):
            batches = list(filter(None, found[number * width : (number + 1) * width]))
            if len(batches) == width:
                calls = max(batch.calls for batch in batches)
                yield case, [dataclasses.replace(batch, calls=calls) for batch in batches]


@contextlib.contextmanager
def race(source: Text, versions: Sequence[Text], wanted: int, seed: int) -> Iterator[Race]:
    """Of versions of the source, on as many inputs as `wanted` or fewer, made from the seed.

    Raises UnmeasurableError, and ParseError for what is no IR.
    """
    with Context() as context:
        try:
            pairs = [read_pair(context, source, version) for version in versions]
            sides = [side for _, side in pairs]
            cases = _cases(source, wanted, seed)
            for case in cases:
                complete(case.given, sides)
            made = Race(sides, cases, seed)
        except (UnfitError, Unsupported) as error:
            raise UnmeasurableError("unsupported", str(error)) from error
        yield made


def same_code(one: bytes, other: bytes) -> bool:
    """Is the same object generated from both?"""
    with Context() as context, Target() as target:
        modules = [context.parse(data) for data in (one, other)]
        images = []
        for module in modules:
            module.retarget(target)
            images.append(module.emit_object(target))
        return images[0] == images[1]


@functools.lru_cache(_REMEMBERED)
def _cases(source: Text, wanted: int, seed: int) -> tuple[Case, ...]:
    """The longest runs on inputs that count. Raises UnfitError and Unsupported."""
    with Context() as context:
        side, _ = read_pair(context, source, source)
    meter = Meter(_TOTAL, time.monotonic() + _INTERPRETER_S)
    found, reasons = [], collections.Counter[str]()
    made = inputs(side.reading, side.name, seed, fuel=_FUEL, meter=meter, inline=True)
    for given in itertools.islice(made, _TRIED * wanted):
        complete(given, [side])
        outcome, is_open = _outcome(side, given)
        if outcome.status is Status.RETURNED and not is_open:
            found.append(Case(given, outcome))
        else:
            reasons[f"{outcome.status} {outcome.reason}" if outcome.reason else "result open"] += 1
        if meter.is_empty:
            break
    if not found:
        common = [reason for reason, _ in reasons.most_common(1)]
        raise Unsupported(f"no input that counts: {''.join(common) or 'none can be made'}")
    found.sort(key=lambda case: case.expected.instructions, reverse=True)
    return tuple(found[:wanted])


def _outcome(side: Side, given: Input) -> tuple[Outcome, bool]:
    """The interpreter's run, where allocations succeed, and whether anything else is open."""
    choices: list[str] = []

    def choose(kind: str, size: int) -> int:
        if (kind, size) != ("allocation", 2):
            choices.append(kind)
        return 0

    outcome = run(side.reading, side.name, given, _FUEL, choose, inline=True)
    return outcome, bool(choices or outcome.assumed)


def _of_death(death: Death) -> tuple[str, str]:
    is_late = death.how in ("SIGPROF", "SIGXCPU", "no answer in time")
    return ("hang", "it does not end") if is_late else ("crash", f"it ends with {death}")


# in a child ---------------------------------------------------------------------------------------


def _rehearse(
    native: Native, sides: Sequence[Side], todo: Sequence[tuple[int, Case]], send: Send
) -> None:
    """Run each (side, case): the batch, or why there is none."""
    machines: dict[int, _Timed] = {}
    for side, case in todo:
        try:
            if side not in machines:
                machines[side] = _Timed(sides[side], _BASES[side], native, 0)
            send(machines[side].rehearse(case))
        except Different as difference:
            send(difference)
        except (Unjudged, Unsupported, UnfitError, MemoryError) as reason:
            send(UnfitError(str(reason)))


def _sample(
    native: Native,
    sides: Sequence[Side],
    runs: Sequence[_Run],
    seed: str,
    send: Send,
) -> None:
    """Time each side on every case, interleaved, in an order that the seed decides."""
    rng = random.Random(seed)
    order = rng.sample(range(len(sides)), len(sides))
    machines = {
        side: _Timed(sides[side], _BASES[side], native, rng.randrange(_LINE)) for side in order
    }
    seconds = [0.0] * len(sides)
    with on_one_core():
        for case, batches in runs:
            for side in rng.sample(order, len(order)):
                seconds[side] += machines[side].seconds(case, batches[side], rng)
    send(tuple(max(each, _LEAST_S) for each in seconds))


class _Timed(Machine):
    """A function whose calls are answered by machine code."""

    def __init__(self, side: Side, base: int, native: Native, padding: int) -> None:
        self._native = native
        super().__init__(
            side.module, side.reading, side.name, base, _HANG_S, native.answer, padding
        )

    def _place(self, name: str) -> int:
        """Library functions that the interpreter models are where they are."""
        if name in self._models:
            function = getattr(ctypes.CDLL(None), name)
            return ctypes.cast(function, ctypes.c_void_p).value or 0
        return super()._place(name)

    def rehearse(self, case: Case) -> _Batch:
        """Run the case, and see whether it ends as it should. Raises Different and the like."""
        with self._loaded(case) as addresses:
            before = self._memory(case, addresses)
            self._batch(1, empty=False)
            self._compare_end(case, addresses)
            after = self._memory(case, addresses)
            changes = (_change(at, before[at], after[at]) for at in before)
            kept = tuple(change for change in changes if change)
            self._native.restore(kept)
            return _Batch(self._calls(), kept)

    def _calls(self) -> int:
        """How many calls take long enough for the clock."""
        calls = 1
        while calls < _MOST_CALLS and (taken := self._batch(calls, empty=False)) < _BATCH_S:
            calls *= 2 if taken > _BATCH_S / 16 else 8
        return calls

    def seconds(self, case: Case, batch: _Batch, rng: random.Random) -> float:
        """What one call takes on a case that has been rehearsed."""
        times: dict[bool, list[float]] = {False: [], True: []}
        with self._loaded(case):
            self._native.restore(batch.changes)
            for empty in times:
                self._batch(batch.calls, empty)  # warms up
            for _ in range(_ROUNDS):
                for empty in rng.sample((False, True), 2):
                    times[empty].append(self._batch(batch.calls, empty))
        full, nothing = (statistics.median(times[empty]) for empty in (False, True))
        return (full - nothing) / batch.calls

    @contextlib.contextmanager
    def _loaded(self, case: Case) -> Iterator[Addresses]:
        """With the case's memory and answers in place."""
        addresses = Addresses(functools.partial(self._address, case.given))
        try:
            self._prepare(case, addresses)
            self._native.prepare(self._callees, self._answers(case, addresses))
            yield addresses
        finally:
            self._arena.clear()

    def _batch(self, calls: int, empty: bool) -> float:
        enter = self._code.enter_empty if empty else self._code.enter
        places = ctypes.addressof(self._arguments), ctypes.addressof(self._result)
        signal.setitimer(signal.ITIMER_PROF, self._hang_s)  # SIGPROF ends the process
        seconds = self._native.run(enter, *places, calls)
        signal.setitimer(signal.ITIMER_PROF, 0)
        return seconds

    def _memory(self, case: Case, addresses: Addresses) -> dict[int, bytes]:
        """The caller's memory, by address."""
        bases = {name: addresses.base(name) for name in case.given.blocks.keys() - case.code_blocks}
        sizes = {name: block.image.size for name, block in case.given.blocks.items()}
        return {at: ctypes.string_at(at, sizes[name]) for name, at in bases.items() if at}

    @property
    def _callees(self) -> list[str]:
        """Who is called, by the number of the stub."""
        stubs = enumerate(self._code.stubs)
        return [stub.callee or self._pointees.get(number, "*") for number, stub in stubs]

    def _answers(self, case: Case, addresses: Addresses) -> dict[int, list[Answer]]:
        """What each stub answers. Raises Unjudged where that depends on what is asked."""
        numbers = {callee: number for number, callee in enumerate(self._callees)}
        found: dict[int, list[Answer]] = collections.defaultdict(list)
        for event in case.expected.calls:
            if event.callee not in numbers:
                continue
            answers = found[numbers[event.callee]]
            answer = self._answer(event, case, addresses)
            if not event.is_pure:
                answers.append(answer)
            elif answers in ([], [answer]):
                answers[:] = [answer]
            else:
                raise Unjudged(f"{event.callee} has more than one answer, and may be called anew")
        silent = {callee: number for callee, number in numbers.items() if callee in OUTPUT}
        # What is printed by another function than the source's has a result that nobody reads.
        return {number: [Answer(b"", repeats=True)] for number in silent.values()} | found

    def _answer(self, event: Event, case: Case, addresses: Addresses) -> Answer:
        writes = [
            self._write(event, name, offset, linked(raw, key, case.given, addresses), addresses)
            for name, offset, raw, key in event.written
            if name not in case.code_blocks
        ]
        if event.answer is None or event.result is None:
            return Answer(b"", writes)
        encoded = image.encode(event.answer, event.result, self._reading.layout)
        for what in encoded.special.values():
            if isinstance(what, tuple) and addresses(what[0]) is None:
                raise Unjudged(f"where {what[0]} is, which {event.callee} returns, is not known")
        result = image.machine_bytes(encoded, addresses)
        return Answer(result, writes, repeats=event.is_pure)

    def _write(
        self, event: Event, name: str, offset: int, data: bytes, addresses: Addresses
    ) -> Write:
        """A write of a callee's, to the caller's memory or to what an argument points to."""
        base = addresses.base(name)
        if base is not None:
            return Write(base + offset, data)
        named = event.types if event.named is None else event.types[: event.named]
        starts = slots(self._reading.layout.extent(type_).alloc for type_ in named)
        for start, argument in zip(starts, event.arguments, strict=False):
            if isinstance(argument, Address) and argument.block == name and named:
                return Write(offset - argument.offset, data, start)
        raise Unjudged(f"where {name} is, which {event.callee} writes to, is not known")


def _change(at: int, before: bytes, after: bytes) -> Write | None:
    """What restores the bytes there."""
    if before == after:
        return None
    differing = [k for k, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    first, last = differing[0], differing[-1] + 1
    return Write(at + first, before[first:last])
