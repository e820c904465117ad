"""Differential execution: two functions as machine code on the same inputs, compared.

The reference interpreter runs both first. It sees what a machine cannot, poison and undefined
behaviour that happens to do no harm, and it says which inputs count: those on which the source is
free of undefined behaviour and depends on nothing that LLVM leaves open, for only there is one
result right. On these both functions run as machine code, in a child process that may die, and each
run is compared with what the interpreter says of the source.

    refuted   the target breaks a law, says the interpreter; or its machine code does something else
              than the interpreter says that the source does, while the source's does just that
    tested    no difference, on at least `ENOUGH` inputs
    unknown   anything else, with the reason: an instruction that the interpreter lacks, too few
              inputs that count, a source whose machine code the interpreter does not agree with,
              accesses whose meaning is in what other threads see of them

What is not covered: see `machine`. Inputs are samples: `tested` is no proof.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ir_tools.llvm import Context, Module
from ir_tools.verify import ir
from ir_tools.verify.constants import with_constants
from ir_tools.verify.execution.isolation import Death, Limits, Send, isolated
from ir_tools.verify.execution.jit import UnfitError, adopt_host, refuse
from ir_tools.verify.execution.machine import Case, Machine
from ir_tools.verify.execution.replay import Unjudged
from ir_tools.verify.execution.variants import varied
from ir_tools.verify.interpreter import interpreter
from ir_tools.verify.interpreter.concrete import Unsupported
from ir_tools.verify.interpreter.given import Input, Meter
from ir_tools.verify.interpreter.inputs import inputs
from ir_tools.verify.interpreter.interpreter import Status
from ir_tools.verify.interpreter.refinement import Judgement, agree, breaks_types, judge
from ir_tools.verify.interpreter.rendering import counterexample
from ir_tools.verify.reader import read_module
from ir_tools.verify.verdict import Kind, Verdict

ENOUGH = 8
_JUDGE = "execution"
_FUEL = 20_000  # instructions of a run in the interpreter
_MOST_FUEL = 250_000  # where most inputs take more
_TRIES = 4  # times as many inputs where few count
_PATIENCE = 3  # inputs, until that is asked
_STRANGE = 16  # runs of the source's machine code that the interpreter does not agree with
_PER_S = 800_000  # instructions of all runs in the interpreter, for each second that is allowed
_OF_AN_INPUT = 4_000  # instructions' worth
_GRACE = 10  # times the seconds allowed, on a clock: a busy machine must not change a verdict
OUT_OF_TIME = "out of time"
_HANG_S = 0.5  # CPU time that machine code may take for what took the interpreter its fuel
_HOPELESS = 24  # inputs that all end for want of an instruction
_TRAPS = ("SIGILL", "SIGTRAP", "SIGABRT")
_BASES = 0x60_0000_0000, 0x70_0000_0000  # of the source's and the target's globals


@dataclass(frozen=True, slots=True)
class Side:
    """A function, for LLVM and for the interpreter."""

    module: Module
    reading: ir.Module
    name: str

    @property
    def function(self) -> ir.Function:
        return self.reading.functions[self.name]


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a run says nothing."""

    reason: str


# What a run on a machine shows: no difference, a difference in words, or nothing.
Finding = str | Skip | None


def execute(
    source: tuple[bytes, str], target: tuple[bytes, str], runs: int, seed: int, timeout_s: float
) -> Verdict:
    """Judge a pair, each (IR or bitcode, function's name), on `runs` inputs made from the seed.

    The seconds are those of an idle machine: instructions are counted, and the clock is a safety
    net far beyond. The verdict depends on the seed alone, unless that is reached: then it is
    unknown, `OUT_OF_TIME`. Raises ParseError and InvalidModuleError for what is no IR.
    """
    try:
        with Context() as context:
            pair = read_pair(context, source, target)
            return _Execution(pair, runs, seed, timeout_s).verdict()
    except (UnfitError, Unsupported) as error:
        return _unknown(str(error))


def interpret(
    source: tuple[bytes, str], target: tuple[bytes, str], runs: int, seed: int, timeout_s: float
) -> Verdict:
    """As `execute`, but by the reference interpreter alone, which is quick: refuted or unknown."""
    try:
        with Context() as context:
            return _Execution(
                read_pair(context, source, target), runs, seed, timeout_s
            ).interpreted()
    except (UnfitError, Unsupported) as error:
        return _unknown(str(error))


def _unknown(reason: str) -> Verdict:
    return Verdict(Kind.UNKNOWN, _JUDGE, reason)


def read_pair(context: Context, *texts: tuple[bytes, str]) -> tuple[Side, Side]:
    """A source and its target, as far as both can run here. Raises UnfitError."""
    modules = [context.parse(data, name) for data, name in texts]
    for module, (_, name) in zip(modules, texts, strict=True):
        refuse(module, name)
        adopt_host(module)
    source_reading, target_reading = map(read_module, modules)
    readings = agree(source_reading, with_constants(target_reading, source_reading))
    one, other = (
        Side(module, reading, name)
        for module, reading, (_, name) in zip(modules, readings, texts, strict=True)
    )
    if one.function.type != other.function.type:
        raise UnfitError(f"the types differ: {one.function.type} and {other.function.type}")
    return one, other


def complete(given: Input, sides: Iterable[Side]) -> None:
    """Give an input every variable that one of the sides knows."""
    for side in sides:
        memory = interpreter.Machine(side.reading, given).memory
        for name in side.reading.variables:
            with contextlib.suppress(Unsupported):
                memory.block(f"@{name}")


class _Execution:
    """Of one pair."""

    def __init__(self, pair: tuple[Side, Side], runs: int, seed: int, timeout_s: float) -> None:
        self._pair, self._runs, self._seed = pair, runs, seed
        self._instructions = int(timeout_s * _PER_S)
        self._deadline = time.monotonic() + _GRACE * timeout_s
        self._reasons: collections.Counter[str] = collections.Counter()
        self._fuel = _FUEL
        self._tried = 0
        self._is_of_target = False  # that few inputs count, perhaps

    def verdict(self) -> Verdict:
        judgements: list[Judgement] = []
        for judgement in self._judgements():
            if judgement.law:
                return self._refuted(judgement)
            judgements.append(judgement)
        if self._is_late():
            return _unknown(OUT_OF_TIME)
        if len(judgements) < ENOUGH:
            said = self._too_few(len(judgements), "count")
            return dataclasses.replace(said, of_source=not self._is_of_target)
        return self._compared(judgements)

    def interpreted(self) -> Verdict:
        """Refuted where the interpreter sees a difference."""
        count = 0
        for judgement in self._judgements():
            if judgement.law:
                return self._refuted(judgement)
            count += 1
        return _unknown(f"no difference in the interpreter, on {count} inputs that count")

    def _too_few(self, count: int, what: str) -> Verdict:
        common = self._reasons.most_common(1)
        because = f": {common[0][0]}" if common else ""
        return _unknown(f"only {count} of {self._tried} inputs {what}{because}")

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    # by the interpreter -------------------------------------------------------------------------

    def _judgements(self) -> Iterator[Judgement]:
        """Those that count, up to the first that refutes."""
        source, target = ((side.reading, side.name) for side in self._pair)
        meter = Meter(self._instructions, self._deadline)
        hope, counted = _HOPELESS, 0
        tries = self._runs * _TRIES
        for number, given in enumerate(itertools.islice(self._inputs(meter), tries)):
            if number >= self._runs and counted >= 2 * ENOUGH:  # some cannot be compared
                break
            self._tried += 1
            meter.left -= _OF_AN_INPUT
            judgement = judge(source, target, given, self._fuel)
            first = judgement.source
            if number >= _PATIENCE and 2 * self._out_of_fuel() > number:
                self._fuel = _MOST_FUEL
            if judgement.law or _counts(first):
                hope, counted = tries, counted + 1
                yield judgement
            else:
                self._reasons[_why(first)] += 1
                self._is_of_target |= bool(first.assumed)  # or its callees would have been run
                hope -= first.status is Status.UNSUPPORTED
            if meter.is_empty:  # the target may have taken most of it
                self._is_of_target = True
                break
            if not hope:
                break

    def _out_of_fuel(self) -> int:
        """On how many inputs the source did not end."""
        reasons = self._reasons.items()
        return sum(count for reason, count in reasons if reason.startswith(Status.OUT_OF_FUEL))

    def _inputs(self, meter: Meter) -> Iterator[Input]:
        """Inputs with every variable that either side knows."""
        source = self._pair[0]
        made = inputs(source.reading, source.name, self._seed, meter=meter, fuel=lambda: self._fuel)
        for given in varied(made, source.function):
            complete(given, self._pair)
            yield given

    # by the machine -----------------------------------------------------------------------------

    def _compared(self, judgements: list[Judgement]) -> Verdict:
        count = 0
        cases = [Case(judgement.source.given, judgement.source) for judgement in judgements]
        strange = 0
        for judgement, (ours, theirs) in zip(judgements, self._findings(cases), strict=False):
            strange += isinstance(ours, str)
            if strange > _STRANGE:
                break
            if ours is None and isinstance(theirs, str):
                given = judgement.source.given
                if judgement.source.is_doubtful:
                    self._reasons["what callees may do"] += 1
                    continue
                if breaks_types((self._pair[0].reading, self._pair[0].name), given, _MOST_FUEL):
                    self._reasons["accesses of two types to one place"] += 1
                    continue
                judgement.law = f"the target's machine code {theirs}"
                if self._is_confirmed(Case(judgement.source.given, judgement.source)):
                    return self._refuted(judgement)
                return _unknown(f"a difference that did not show again: {theirs}")
            if ours is None and theirs is None:
                count += 1
            elif isinstance(ours, str):
                self._reasons[f"the source's machine code {ours}, says the interpreter"] += 1
            else:
                skip = ours or theirs
                self._reasons[skip.reason if isinstance(skip, Skip) else str(skip)] += 1
        if self._is_late():
            return _unknown(OUT_OF_TIME)
        if count < ENOUGH:
            return self._too_few(count, "could be compared")
        if any(map(_is_watched, (side.function for side in self._pair))):
            return _unknown("atomic or volatile accesses, and just one thread was run")
        return Verdict(Kind.TESTED, _JUDGE, inputs=count)

    def _is_confirmed(self, case: Case) -> bool:
        """Does it show in a process where nothing else has run?"""
        return any(
            ours is None and isinstance(theirs, str) for ours, theirs in self._findings([case])
        )

    def _refuted(self, judgement: Judgement) -> Verdict:
        assert judgement.law is not None
        names = tuple(parameter.name for parameter in self._pair[0].function.parameters)
        return Verdict(Kind.REFUTED, _JUDGE, judgement.law, counterexample(judgement, names))

    def _findings(self, cases: list[Case]) -> Iterator[tuple[Finding, Finding]]:
        """What the source's and the target's machine code do on each case."""
        seconds = max(0.0, self._deadline - time.monotonic())
        limits = Limits(cpu_s=int(seconds) + 1, wall_s=seconds)
        messages = isolated(functools.partial(_serve, self._pair, cases, limits), limits)
        with contextlib.closing(messages):
            for ours in messages:
                theirs = next(messages, None)
                for end in (ours, theirs):
                    if isinstance(end, Death | UnfitError):
                        self._reasons[f"no machine code: {end}"] += len(cases)
                        return
                yield ours, theirs


def _is_watched(function: ir.Function) -> bool:
    """Whether others can tell more of what it does than one run by itself shows."""
    return any(
        each.ordering or (each.opcode == "load" and "volatile" in each.flags)
        for each in function.instructions()
    )


def _counts(outcome: interpreter.Outcome) -> bool:
    """Is only one result right? Whether the target ends, if the interpreter had no patience to
    find out or lacks an instruction of it, is left to the machine."""
    is_defined = outcome.status in (Status.RETURNED, Status.EXITED, Status.TRAPPED)
    return is_defined and not outcome.choices and not outcome.assumed


def _why(outcome: interpreter.Outcome) -> str:
    """Why an input does not count."""
    if outcome.status is Status.RETURNED or outcome.choices:
        return "the source's result is open"
    if outcome.assumed:
        return f"{', '.join(sorted(outcome.assumed))} was not run"
    return f"{outcome.status}: {outcome.reason}"


def _serve(pair: tuple[Side, Side], cases: list[Case], limits: Limits, send: Send) -> None:
    """Compile, then run everything in children of this process, a new one after each death."""
    try:
        machines = [
            Machine(side.module, side.reading, side.name, base, _HANG_S)
            for side, base in zip(pair, _BASES, strict=True)
        ]
    except (UnfitError, Unsupported) as error:
        send(UnfitError(str(error)))
        return
    todo = [(machine, case) for case in cases for machine in machines]
    done = 0
    while done < len(todo):
        for finding in isolated(functools.partial(_run, todo[done:]), limits):
            send(_of_death(finding, todo[done][1]) if isinstance(finding, Death) else finding)
            done += 1


def _run(todo: list[tuple[Machine, Case]], send: Send) -> None:
    for number, (machine, case) in enumerate(todo):
        paint = 0xC3 ^ number % 61
        try:
            send(machine.differs(case, paint))
        except (Unjudged, Unsupported, MemoryError) as reason:
            send(Skip(str(reason)))


def _of_death(death: Death, case: Case) -> Finding:
    if case.expected.status is Status.TRAPPED and death.how in _TRAPS:
        return None
    how = "does not end" if death.how in ("SIGPROF", "no answer in time") else f"ends with {death}"
    return how
