"""Is what the target did allowed by what the source did?

    refines(source_outcome, target_outcome) -> the law that is broken, or None
    judge((module, name), (module, name), given) -> Judgement: runs both, and takes care of choices

`refines` never names a law when the source's run made choices (LLVM allows it other outcomes too),
treated a function with a body as unknown, or did not end: it is sound for refuting, and None proves
nothing. `judge` also goes through the source's choices when they are few, and runs functions with
bodies where that is needed to decide.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter import output, rights
from ir_tools.verify.interpreter.concrete import (
    POISON,
    POISONED,
    SPECIAL,
    UNDEF,
    Address,
    Concrete,
    Image,
    Undef,
)
from ir_tools.verify.interpreter.given import Input
from ir_tools.verify.interpreter.interpreter import Event, Outcome, Status, run

_INCONCLUSIVE = (Status.UB, Status.UNSUPPORTED, Status.OUT_OF_FUEL)
_MOST_RUNS = 64  # of the source, to go through its choices


class _Broken(Exception):
    """A law is broken; the message is its name and the place."""


def refines(source: Outcome, target: Outcome) -> str | None:
    """The law that the target breaks, or None where it breaks none or nothing can be said."""
    if source.choices or source.is_doubtful or source.assumed or source.status in _INCONCLUSIVE:
        return None
    return difference(source, target)


def difference(source: Outcome, target: Outcome) -> str | None:
    """The law that the target breaks if the source can do nothing but this."""
    if source.status in _INCONCLUSIVE:
        return None
    if target.status in (Status.UNSUPPORTED, Status.OUT_OF_FUEL):
        return None
    if any(event.is_library for event in (*source.calls, *target.calls)):
        return None
    try:
        _Comparison(source, target).compare()
    except _Broken as law:
        return str(law)
    return None


class _Comparison:
    """Of two outcomes; finds out which of their own blocks correspond."""

    def __init__(self, source: Outcome, target: Outcome) -> None:
        self.source, self.target = source, target
        self._locals: dict[str, str] = {}
        self._taken: dict[str, str] = {}

    def compare(self) -> None:
        source, target = self.source, self.target
        if target.status is Status.UB:
            raise _Broken(f"source is more defined than target ({target.reason})")
        self._events()
        if target.status is not source.status:
            raise _Broken(f"the source {source.status}, the target {target.status}")
        if source.status is Status.RETURNED:
            self.value(source.value, target.value, "value mismatch")
        if source.status is not Status.TRAPPED:
            self._memory(source.memory, target.memory, "mismatch in memory")

    def _events(self) -> None:
        ours, theirs = _effects(self.source), _effects(self.target)
        for number, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            if one.callee != other.callee or len(one.arguments) != len(other.arguments):
                raise _Broken(f"calls differ: {one.callee} and {other.callee}")
            where = f"call {number} of {one.callee}"
            for mine, its in zip(one.arguments, other.arguments, strict=True):
                self.value(mine, its, f"calls differ: an argument of {where}")
            self._memory(one.memory, other.memory, f"calls differ: memory at {where}")
        if len(ours) != len(theirs):
            raise _Broken(f"calls differ: {len(ours)} in the source, {len(theirs)} in the target")
        self._output()

    def _output(self) -> None:
        """What is printed, between the same calls; where all of it is known."""
        ours, theirs = output.pieces(self.source.calls), output.pieces(self.target.calls)
        if ours is None or theirs is None:
            return
        for (place, stream, piece), (its_place, its_stream, its) in zip(ours, theirs, strict=False):
            self.value(stream, its_stream, "output goes elsewhere")
            if (place, output.kind(piece)) != (its_place, output.kind(its)):
                raise _Broken(f"output differs: {output.shown(piece)} and {output.shown(its)}")
            if isinstance(piece, tuple) and isinstance(its, tuple):
                self.value(piece[1], its[1], "output differs: an argument of a conversion")
        if len(ours) != len(theirs):
            raise _Broken(f"output differs: {len(ours)} pieces and {len(theirs)}")

    # values -------------------------------------------------------------------------------------

    def value(self, source: Concrete | None, target: Concrete | None, law: str) -> None:
        if isinstance(source, tuple) and isinstance(target, tuple):
            for mine, its in zip(source, target, strict=True):
                self.value(mine, its, law)
        elif source is POISON or source is target:
            return
        elif target is POISON:
            raise _Broken(f"target is more poisonous ({law})")
        elif isinstance(source, Address) and isinstance(target, Address):
            if not self._same_address(source, target):
                raise _Broken(law)
        elif not _bits_allowed(source, target):
            raise _Broken(law)

    def _same_address(self, source: Address, target: Address) -> bool:
        if source.block and target.block and source.block[0] == target.block[0] == "%":
            return source.offset == target.offset and (
                self._locals.setdefault(source.block, target.block) == target.block
                and self._taken.setdefault(target.block, source.block) == source.block
            )
        if source == target:
            return True
        known = self.source.given.blocks
        both = source.block, target.block
        if all(name and name[0] == "@" and name not in known for name in both):
            return True  # constants, which LLVM may merge and rename: their names say nothing
        if any(name and name not in known for name in both):
            return False
        return self._number(source) == self._number(target)

    def _number(self, address: Address) -> int:
        base = self.source.given.blocks[address.block].address if address.block else 0
        return (base + address.offset) % (1 << 64)

    # memory -------------------------------------------------------------------------------------

    def _memory(self, source: dict[str, Image], target: dict[str, Image], law: str) -> None:
        known = self.source.given.blocks
        for name in sorted({*source, *target}):
            if name[0] != "%":
                initial = known[name].image if name in known else None
                mine, its = source.get(name, initial), target.get(name, initial)
                if mine is not None and its is not None:
                    self._image(mine, its, f"{law}: {name}")
        done: set[str] = set()
        while more := [name for name in self._locals if name not in done]:
            for name in more:
                done.add(name)
                twin = self._locals[name]
                if name in source and twin in target:
                    self._image(source[name], target[twin], f"{law}: {name}")

    def _image(self, source: Image, target: Image, law: str) -> None:
        if source.is_live != target.is_live:
            raise _Broken(f"{law} is {'freed' if source.is_live else 'not freed'} by the target")
        if not source.is_live:
            return
        if (
            source.data == target.data
            and source.state == target.state
            and SPECIAL not in source.state
        ):
            return
        is_alike = source.state == target.state
        for offset in _open(source, target) if is_alike else range(min(source.size, target.size)):
            self._byte(source, target, offset, law)

    def _byte(self, source: Image, target: Image, at: int, where: str) -> None:
        mine, its, law = source.state[at], target.state[at], f"{where}+{at}"
        if mine == POISONED:
            return
        if its == POISONED:
            raise _Broken(f"target is more poisonous ({law})")
        one, other = _content(source, at), _content(target, at)
        if isinstance(one, tuple) and isinstance(other, tuple):
            if one[1] != other[1] or not self._same_address(one[0], other[0]):
                raise _Broken(law)
            return
        fragments = [each for each in (one, other) if isinstance(each, tuple)]
        if any(pointer.block and pointer.block[0] == "%" for pointer, _ in fragments) and (
            not isinstance(one, Undef)
        ):
            raise _Broken(law)
        if isinstance(one, tuple):
            one = source.data[at]
        if isinstance(other, tuple):
            other = target.data[at]
        if not _bits_allowed(one, other):
            raise _Broken(law)


def _effects(outcome: Outcome) -> list[Event]:
    return [event for event in outcome.calls if not event.is_pure and not event.is_output]


def _open(source: Image, target: Image) -> list[int]:
    """The bytes to look at where both have bytes of the same kinds: the first that differs, and
    those that are special."""
    special = [offset for offset in source.special if source.state[offset] == SPECIAL]
    differing = source.differs_at(target.data)
    return sorted(special if differing is None else [differing, *special])


def _content(image: Image, at: int) -> Any:
    """A byte as an int, an Undef, or a part of a pointer."""
    kind = image.state[at]
    if kind == SPECIAL:
        what = image.special[at]
        return what if isinstance(what, tuple) else Undef(image.data[at] & ~what, what)
    return Undef(0, 0xFF) if kind == UNDEF else image.data[at]


def _bits_allowed(source: Any, target: Any) -> bool:
    """Are the target's known and undefined bits allowed by the source's?"""
    if isinstance(source, Undef) and isinstance(target, Address):
        return not source.value
    if not isinstance(source, int | Undef) or not isinstance(target, int | Undef):
        return bool(source == target)
    value, mask = (source.value, source.mask) if isinstance(source, Undef) else (source, 0)
    its, open_ = (target.value, target.mask) if isinstance(target, Undef) else (target, 0)
    return not open_ & ~mask and not (its ^ value) & ~mask


# running a pair -----------------------------------------------------------------------------------

Side = tuple[ir.Module, str]


@dataclass(slots=True)
class Judgement:
    """What running a pair on one input shows.

    law      that the target breaks; None: none was seen
    counts   is the source defined here, and could a difference have been told?
    """

    law: str | None
    counts: bool
    source: Outcome
    target: Outcome | None = None


def judge(
    source: Side, target: Side, given: Input, fuel: int = 100_000, inline: bool = False
) -> Judgement:
    """Runs both on an input, which is completed by what they need. Sound: a law is named only if no
    choice of the source's allows what the target did. Give it modules that `agree`."""
    first = run(*source, given, fuel, inline=inline)
    if first.status in _INCONCLUSIVE:
        return Judgement(None, False, first)
    second = run(*target, given, 4 * fuel, inline=inline)
    if given.inventions and first.given.inventions:
        first = run(*source, given, fuel, inline=inline)  # with what the target had invented
        if first.status in _INCONCLUSIVE:
            return Judgement(None, False, first, second)
    law = difference(first, second)
    if law and first.assumed:
        return judge(source, target, given, fuel, inline=True)
    if first.choices and not law and _is_settled(source, given, fuel, inline, first):
        first.choices = 0
    if law and (
        first.is_doubtful or (first.choices and _allowed(source, given, fuel, inline, second))
    ):
        law = None
    if law and breaks_types(source, given, fuel, inline):
        law, first.status, first.reason = None, Status.UB, "accesses of two types to one place"
    counts = not first.choices and first.status is not Status.UB
    counts = counts and second.status not in _INCONCLUSIVE[1:]
    return Judgement(law, counts or law is not None, first, second)


def breaks_types(source: Side, given: Input, fuel: int, inline: bool = False) -> bool:
    """Is the source undefined there by the types of its accesses alone? Asked only where the target
    differs: it takes a run of its own, and it matters to nothing else."""
    return run(*source, given, fuel, inline=inline, typed=True).status in _INCONCLUSIVE


def _allowed(source: Side, given: Input, fuel: int, inline: bool, target: Outcome) -> bool:
    """Can some choices of the source's lead to what the target did? Yes when in doubt."""
    for outcome in _outcomes(source, given, fuel, inline):
        if outcome is None or outcome.status in _INCONCLUSIVE or not difference(outcome, target):
            return True
    return False


def _is_settled(source: Side, given: Input, fuel: int, inline: bool, first: Outcome) -> bool:
    """Do all choices of the source's lead to the same? No when in doubt."""
    return all(
        outcome is not None
        and outcome.status not in _INCONCLUSIVE
        and not difference(first, outcome)
        and not difference(outcome, first)
        for outcome in _outcomes(source, given, fuel, inline)
    )


class _Script:
    """A chooser that follows a script, then takes 0, and notes how many choices there were."""

    def __init__(self, script: list[int]) -> None:
        self.script, self.sizes = script, list[int]()

    def __call__(self, kind: str, size: int) -> int:
        self.sizes.append(size)
        index = len(self.sizes) - 1
        return self.script[index] if index < len(self.script) else 0


def _outcomes(source: Side, given: Input, fuel: int, inline: bool) -> Iterator[Outcome | None]:
    """Every outcome of the source, or None at the end if there are too many."""
    script: list[int] = []
    for _ in range(_MOST_RUNS):
        chooser = _Script(script)
        yield run(*source, given, fuel, chooser, inline)
        if any(size > _MOST_RUNS for size in chooser.sizes):
            break
        taken = (script + [0] * len(chooser.sizes))[: len(chooser.sizes)]
        while taken and taken[-1] == chooser.sizes[len(taken) - 1] - 1:
            taken.pop()
        if not taken:
            return
        taken[-1] += 1
        script = taken
    yield None


def random_chooser(seed: int) -> Any:
    rng = random.Random(seed)
    return lambda kind, size: rng.randrange(size)


# declarations -------------------------------------------------------------------------------------

_SHARED = ("nounwind", "willreturn")
_SHARED_BY_PARAMETER = ("readonly", "readnone", "writeonly", "captures", "returned")


def agree(source: ir.Module, target: ir.Module) -> tuple[ir.Module, ir.Module]:
    """Both modules, with what either knows of a function that neither defines: passes infer such
    attributes from a function's name, and unknown calls must do the same on both sides."""
    if source is target:
        return source, target
    merged = {}
    for name, one in source.functions.items():
        other = target.functions.get(name)
        if other and not one.blocks and not other.blocks and one.type == other.type:
            merged[name] = _merged(one, other)
    if not merged:
        return source, target
    return tuple(  # type: ignore[return-value]
        dataclasses.replace(module, functions={**module.functions, **merged})
        for module in (source, target)
    )


def _merged(one: ir.Function, other: ir.Function) -> ir.Function:
    attributes = {n: 0 for n in _SHARED if n in one.attributes or n in other.attributes}
    attributes["memory"] = rights.effects(one.attributes) & rights.effects(other.attributes)
    parameters = tuple(
        dataclasses.replace(
            a,
            attributes={
                **a.attributes,
                **{n: v for n, v in b.attributes.items() if n in _SHARED_BY_PARAMETER},
            },
        )
        for a, b in zip(one.parameters, other.parameters, strict=True)
    )
    return dataclasses.replace(
        one,
        attributes={**one.attributes, **attributes},
        result={**one.result, **other.result},
        parameters=parameters,
    )
