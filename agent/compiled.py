"""A finished object as a plain value, and its place in the cache. Imports nothing that is slow."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.names import model_folder
from envs.cache import Cache, code_identity
from ir_tools import clang, installed
from ir_tools.verify import alive

_PACKAGES = ("agent", "envs", "ir_tools")


@dataclass(frozen=True, slots=True)
class Bytes:
    """An object's sizes by kind of section; `size` is text, read-only and initialised data."""

    size: int
    text: int
    rodata: int
    data: int
    eh_frame: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """A finished object (or assembly) and what it saves against `clang -Oz`."""

    output: bytes
    baseline: Bytes
    ours: Bytes
    summary: dict[str, Any]  # candidates, failures by status, warnings, functions improved
    from_cache: bool = False


def remember(cache: Cache, data: bytes, wishes: object, make: Callable[[], Compiled]) -> Compiled:
    """The compilation of some bitcode under some wishes: stored, or made and then stored.

    Another Ozone, LLVM, clang, alive-tv or model, or wishes that print differently, make another
    entry.
    """
    about = json.dumps((repr(wishes), *identity()))
    key = hashlib.sha256(about.encode(errors="surrogateescape") + data).hexdigest()
    stored = cache.artefact(key)
    if stored is not None:
        return _unpack(stored)
    compiled = make()
    cache.put_artefact(key, _pack(compiled))
    return compiled


def identity() -> tuple[object, ...]:
    """Changes with all that makes another object of the same bitcode under the same wishes."""
    tools = (clang.identity(), installed.identity(), alive.identity(), model_identity())
    return (code_identity(*_PACKAGES), *tools)


def model_identity() -> str:
    """Changes when the user names another language model, or has trained it further."""
    folder, files = model_folder(), []
    for path in sorted(folder.glob("*")):
        with contextlib.suppress(OSError):
            status = path.stat()
            files.append((path.name, status.st_size, status.st_mtime_ns))
    return f"{folder} {files}"


def _pack(compiled: Compiled) -> bytes:
    """A line of JSON, then the output."""
    fields = {
        "baseline": dataclasses.asdict(compiled.baseline),
        "ours": dataclasses.asdict(compiled.ours),
        "summary": compiled.summary,
    }
    return json.dumps(fields).encode() + b"\n" + compiled.output


def _unpack(stored: bytes) -> Compiled:
    line, output = stored.split(b"\n", 1)
    fields = json.loads(line)
    baseline, ours = Bytes(**fields["baseline"]), Bytes(**fields["ours"])
    return Compiled(output, baseline, ours, fields["summary"], from_cache=True)
