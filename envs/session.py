"""The worker's side of environments: modules on their way through passes, one step at a time.

A session is a module in a context of its own and what was run on it since it was parsed. Every
pipeline runs apart, as `opt` runs them with `invalidate<all>` between. The standard library is
all that is needed: workers start without the rest.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from envs.evaluation import Source
from ir_tools.llvm import Context, Module
from ir_tools.measure import Sizes, object_sizes
from ir_tools.partition import extractable, split
from ir_tools.plan import Change
from ir_tools.target import Target, TargetOptions

_BITCODE = (b"BC\xc0\xde", b"\xde\xc0\x17\x0b")  # how it begins, without and with a wrapper
_SESSIONS = 64  # that are kept; one that had to go is opened anew when it is asked for

MakeTarget = Callable[[Module, TargetOptions], Target]


@dataclass(frozen=True, slots=True)
class Opening:
    """What a session begins with: a source, and the pipelines that have been run on it."""

    source: Source
    target: TargetOptions
    history: tuple[str, ...]


class Progress(NamedTuple):
    """What became of a session: which pipelines changed the IR, and what was measured then.

    A tuple, for it is pickled at every step.
    """

    changed: tuple[bool, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a judge is asked: functions before and after passes of functions, and which other
    passes changed something."""

    functions: tuple[Change, ...]
    unjudged: tuple[str, ...]


class Session:
    """A live module, without names of local values, which have no meaning and depend on what was
    tried before. LLVM frees some of what passes make only with the context: close it."""

    def __init__(self, opening: Opening, make_target: MakeTarget) -> None:
        self._context = Context()
        try:
            source = opening.source
            data = source.data if source.data.startswith(_BITCODE) else _assembled(source)
            self._context.discard_names()
            self.module = self._context.parse(data, source.name)
            self.target = make_target(self.module, opening.target)
            if opening.target.triple:
                self.module.retarget(self.target)
        except BaseException:
            self._context.close()
            raise
        self._bitcode: bytes | None = None
        self._values: dict[str, Any] = {}

    def run(self, pipeline: str) -> bool:
        """Run a pipeline; whether the module is another one now. Raises PipelineError."""
        before = self.bitcode
        self._bitcode = None
        self.module.run(pipeline, self.target)
        if self.bitcode == before:
            return False
        self._values.clear()
        return True

    def replay(self, pipeline: str) -> None:
        """Run a pipeline without asking what it changes. Raises PipelineError."""
        self._bitcode = None
        self._values.clear()
        self.module.run(pipeline, self.target)

    @property
    def bitcode(self) -> bytes:
        """The module; in a worker the order of uses is in it, which is all that passes can see."""
        if self._bitcode is None:
            self._bitcode = self.module.bitcode()
        return self._bitcode

    def measure(self, name: str) -> Any:
        """One of `MEASURES`, measured once for each state. Raises OzoneError."""
        if name not in self._values:
            self._values[name] = MEASURES[name](self)
        return self._values[name]

    def close(self) -> None:
        self.module.close()
        self._context.close()


class Sessions:
    """The sessions of one worker by number; `begin` is told before each pipeline which it is."""

    def __init__(self, make_target: MakeTarget, begin: Callable[[int], None]) -> None:
        self._make_target = make_target
        self._begin = begin
        self._sessions: collections.OrderedDict[int, Session] = collections.OrderedDict()

    def advance(
        self,
        number: int,
        opening: Opening | None,
        pipelines: Sequence[str],
        wanted: Sequence[str],
        closed: Sequence[int] = (),
    ) -> Progress | None:
        """Run pipelines on a session and measure; None where it must first be told the opening.

        The `closed` ones are forgotten before. Raises OzoneError; the session is then gone.
        """
        self.close(closed)
        session = self._sessions.pop(number, None)
        done = 0
        if opening is not None:
            if session:
                session.close()
            session, done = self._open(opening), len(opening.history)
        if session is None:
            return None
        try:
            changed: list[bool] = []
            for pipeline in pipelines:
                self._begin(done + len(changed))
                changed.append(session.run(pipeline))
            values = tuple(map(session.measure, wanted))
        except BaseException:
            session.close()
            raise
        self._keep(number, session)
        return Progress(tuple(changed), values)

    def _open(self, opening: Opening) -> Session:
        session = Session(opening, self._make_target)
        try:
            for done, pipeline in enumerate(opening.history):
                self._begin(done)
                session.replay(pipeline)
        except BaseException:
            session.close()
            raise
        return session

    def _keep(self, number: int, session: Session) -> None:
        self._sessions[number] = session
        if len(self._sessions) > _SESSIONS:
            self._sessions.popitem(last=False)[1].close()

    def close(self, numbers: Iterable[int]) -> None:
        """Forget sessions; those that are not there are no error."""
        for number in numbers:
            if session := self._sessions.pop(number, None):
                session.close()

    def changes(self, opening: Opening, first: int, is_local: Sequence[bool]) -> Changes:
        """What the pipelines after the `first` so many changed; `is_local` says of each of them
        whether it runs on functions alone. Raises OzoneError."""
        session = Session(opening, self._make_target)
        try:
            for done, pipeline in enumerate(opening.history[:first]):
                self._begin(done)
                session.replay(pipeline)
            later = list(zip(opening.history[first:], is_local, strict=True))
            return _changes(session, later, lambda done: self._begin(first + done))
        finally:
            session.close()


def _changes(
    session: Session, later: Sequence[tuple[str, bool]], begin: Callable[[int], None]
) -> Changes:
    """One segment where the module is one function; else one for each run of local pipelines."""
    alone = _is_alone(session.module)
    if alone:
        later = [(pipeline, True) for pipeline, _ in later]
    bodies = _whole if alone else _bodies
    functions: list[Change] = []
    unjudged: list[str] = []
    done = itertools.count()
    for local, run in itertools.groupby(later, key=lambda one: one[1]):
        before = bodies(session.module) if local else {}
        for pipeline, _ in run:
            begin(next(done))
            changed = session.run(pipeline)
            # What a pass takes out of the one function, a judge would not find there.
            if changed and (not local or (alone and not _is_one_function(session.module))):
                unjudged.append(pipeline)
        if local and not (alone and unjudged):
            functions += _compare(before, bodies(session.module))
    return Changes(tuple(functions), tuple(unjudged))


def _is_one_function(module: Module) -> bool:
    return len(list(module.defined_functions())) == 1


def _is_alone(module: Module) -> bool:
    """Whether all there is to a module is one function that anybody may call."""
    state = any(v.linkage.is_local and not v.is_constant for v in module.globals())
    anybodys = all(not function.linkage.is_local for function in module.defined_functions())
    return _is_one_function(module) and anybodys and not state


Bodies = Mapping[str, tuple[str, bytes]]
"""Every function by its name: its symbol in a module that has it, and that module as bitcode."""


def _whole(module: Module) -> Bodies:
    """The module itself, for its function and what passes have taken out of that."""
    data = module.bitcode()
    return {f.name: (f.name, data) for f in module.defined_functions()}


def _bodies(module: Module) -> Bodies:
    """Each function in a module of its own; no symbol for those that cannot be taken out."""
    bodies = {function.name: ("", b"") for function in module.defined_functions()}
    names = extractable(module)
    for name, part in zip(names, split(module, names), strict=True):
        with part:
            (function,) = part.defined_functions()
            bodies[name] = (function.name, part.bitcode())
    return bodies


def _compare(before: Bodies, after: Bodies) -> list[Change]:
    found = []
    for name in sorted(before.keys() & after.keys()):
        (symbol, old), (_, new) = before[name], after[name]
        if not (old and new):
            found.append(Change(name, "", b"", b""))
        elif old != new:
            found.append(Change(name, symbol, old, new))
    return found


def _assembled(source: Source) -> bytes:
    """Textual IR as bitcode."""
    with Context() as context, context.parse(source.data, source.name) as module:
        return module.bitcode()


def _sizes(session: Session) -> Sizes:
    """The sizes of the object, as if the IR had been written and read again."""
    session.module.verify()  # code generation for what is not valid ends anyhow
    with session.module.clone() as copy:
        names = [function.name for function in copy.defined_functions()]
        return object_sizes(copy.emit_object(session.target), names)


def _assembly(session: Session) -> tuple[bytes, str]:
    """Assembly, and the triple that it is for."""
    session.module.verify()
    with session.module.clone() as copy:
        return copy.emit_assembly(session.target), session.target.triple


def _canonical(session: Session) -> str:
    from ir_tools.canonical import canonical_text

    return canonical_text(session.module)


def _feature(name: str) -> Callable[[Session], Any]:
    def compute(session: Session) -> Any:
        from ir_tools import features

        return getattr(features, name)(session.module)

    return compute


def _program_graph(session: Session) -> Any:
    from ir_tools.graph import program_graph

    return program_graph(session.module)


MEASURES: Mapping[str, Callable[[Session], Any]] = MappingProxyType(
    {
        "Ir": lambda session: str(session.module),
        "IrNormalized": _canonical,
        "Bitcode": lambda session: session.bitcode,
        "Assembly": _assembly,
        "IrInstructionCount": lambda session: session.module.instruction_count,
        "InstCount": _feature("inst_count"),
        "Autophase": _feature("autophase"),
        "OpcodeHistogram": _feature("opcode_histogram"),
        "ProgramGraph": _program_graph,
        "Sizes": _sizes,
    }
)
"""What can be measured of a session, by name; values are plain."""
