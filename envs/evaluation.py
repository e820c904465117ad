"""The plain values that pass between the evaluator, its workers and everything above them."""

from __future__ import annotations

import enum
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from ir_tools.plan import Plan
from ir_tools.target import TargetOptions


class Status(enum.StrEnum):
    """How a compilation ended. Everything but `ok` carries LLVM's own message."""

    OK = "ok"
    CRASH = "crash"  # a signal, an LLVM fatal error, an assertion
    HANG = "hang"  # the CPU time limit
    OOM = "oom"  # the memory limit
    KILLED = "killed"  # from outside: by the kernel for want of memory, or by someone
    INVALID = "invalid"  # a pipeline that LLVM rejects, or output that its verifier rejects


@dataclass(frozen=True)
class Source:
    """A module as the user gave it: textual IR or bitcode. `name` becomes the ModuleID."""

    name: str
    data: bytes = field(repr=False)

    @functools.cached_property
    def digest(self) -> str:
        """A content hash: 32 hexadecimal digits."""
        hashed = hashlib.sha256(self.data)
        hashed.update(self.name.encode(errors="surrogateescape"))
        return hashed.hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Job:
    """One compilation to measure.

    With `own_sections` each function is measured with its jump tables and lookup tables, at the
    price of totals that differ by a few bytes from those of the object that will be written.
    """

    source: Source
    plan: Plan
    target: TargetOptions = TargetOptions()
    own_sections: bool = False

    @property
    def key(self) -> str:
        """What the result depends on, besides LLVM's version."""
        text = f"{self.source.digest} {self.plan.digest} {self.target} {self.own_sections}"
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one function's pipeline was left out of a compilation."""

    function: str
    status: Status
    message: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one compilation measured. Sizes are bytes of the emitted object, instructions are IR's.

    `functions` maps each function that is defined in the result to (bytes of its symbol, IR
    instructions); bytes are 0 where the object format has no symbol sizes. Functions whose own
    pipeline failed are in `failures`, are compiled without it, and are not in `functions`.
    """

    status: Status
    message: str = ""
    instructions: int = 0
    text: int = 0
    rodata: int = 0
    data: int = 0
    eh_frame: int = 0
    functions: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    wall_s: float = field(default=0.0, compare=False)

    @property
    def ok(self) -> bool:
        return self.status is Status.OK

    @property
    def size(self) -> int:
        """Allocatable bytes: text, read-only and initialised data."""
        return self.text + self.rodata + self.data


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """A defined function of the source module, as a policy sees it.

    `users` names, use by use, the function that calls it or takes its address; "" for a constant.
    `part` is what its pipeline will run on, as bitcode, for policies that read it; `simplified` is
    what a few cheap passes leave of that.
    """

    name: str
    instructions: int
    is_local: bool
    may_inline: bool  # neither noinline, optnone nor naked
    has_minsize: bool  # or optnone, which excludes it
    users: tuple[str, ...]
    part: bytes = field(default=b"", repr=False)
    simplified: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class ModuleInfo:
    """Facts about the source module that need LLVM to be seen."""

    triple: str
    functions: tuple[FunctionInfo, ...]


class Artefact(enum.StrEnum):
    """What `Evaluator.build` can write."""

    IR = "ir"
    BITCODE = "bitcode"
    OBJECT = "object"
    ASSEMBLY = "assembly"
