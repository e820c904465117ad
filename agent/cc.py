"""`ozone-cc`: clang, but every object is the smaller one of `clang -Oz`'s and Ozone's.

`CC=ozone-cc make` works: steps that compile C or C++ go clang, optimiser, clang; everything else is
clang's alone, untouched. Optimisation levels become -Oz, except -O0 and -Og, which ask for code
that one can debug. Whatever goes wrong in between, the object is `clang -Oz`'s, with a warning.
Options come from the environment; see `OPTIONS`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.compiled import Compiled, remember
from agent.driver import Invocation, understand
from agent.names import ACCEPT, DEFAULT_POLICY, OBJECTIVES, POLICIES
from agent.orders import Order, fulfil
from agent.output import write_file
from envs.cache import Cache, default_path
from ir_tools import clang
from ir_tools.errors import OzoneError
from ir_tools.process import unwinding

OPTIONS: Mapping[str, str] = {
    "OZONE_BUDGET": "candidate compilations a module (default 10; 0: plain clang -Oz)",
    "OZONE_POLICY": "oz, random, coreset, search, nvp, neighbour or lm (the default)",
    "OZONE_MODEL": "the folder of the model that lm asks (default: the one that ships)",
    "OZONE_OBJECTIVE": "size, text or instructions (default size)",
    "OZONE_ACCEPT": "the weakest verdict that will do: proved, bounded or tested (default)",
    "OZONE_SEED": "seed of the random choices (default 0)",
    "OZONE_REPORT": "append a line of JSON for each object to this file",
    "OZONE_HARVEST": "keep the unoptimised bitcode of every object in this folder",
    "OZONE_CACHE": "results file (default in the user's cache folder; empty: none)",
    "OZONE_SERVER": "seconds that what serves a build waits for more to do (default 10; 0: none)",
    "OZONE_CLANG": "the clang 22 command",
    "OZONE_LIBLLVM": "the libLLVM 22 file",
}
# Where benchmarks lie, and a further judge.
_OF_OTHERS = {"OZONE_ANGHABENCH", "OZONE_CBENCH", "OZONE_POLYBENCH", "OZONE_ALIVE_TV"}


@dataclass(frozen=True, slots=True)
class _Options:
    """The environment's wishes."""

    budget: int
    policy: str
    objective: str
    accept: str
    seed: int
    idle_s: int
    report: str | None
    harvest: str | None


def main(argv: Sequence[str] | None = None) -> int:
    """Run as clang would; the exit code is clang's, 1 when the environment is wrong."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return unwinding(lambda: _main(arguments))


def _main(arguments: list[str]) -> int:
    try:
        options = _options(os.environ)
        invocation = understand(arguments)
        if invocation is None:
            return clang.exec_clang(arguments)
        if not invocation.sources or (options.budget <= 0 and not options.harvest):
            return clang.exec_clang([*arguments, "-Oz"])  # of several levels the last one counts
        if invocation.kind:
            return _compile_all(invocation, options)
        return _compile_and_link(invocation, options)
    except OzoneError as error:
        _say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def _say(message: str) -> None:
    print(f"ozone-cc: {message}", file=sys.stderr)


def _options(environment: Mapping[str, str]) -> _Options:
    given = {name for name in environment if name.startswith("OZONE_")}
    unknown = sorted(given - set(OPTIONS) - _OF_OTHERS)
    if unknown:
        raise OzoneError(f"unknown variable {unknown[0]}: known are {', '.join(OPTIONS)}")

    def number(name: str, default: int) -> int:
        text = environment.get(name) or str(default)
        try:
            return int(text)
        except ValueError:
            raise OzoneError(f"{name}={text} is not a whole number") from None

    def choice(name: str, default: str, known: Sequence[str]) -> str:
        chosen = environment.get(name) or default
        if chosen not in known:
            raise OzoneError(f"{name}={chosen} is unknown: one of {', '.join(known)}")
        return chosen

    return _Options(
        number("OZONE_BUDGET", 10),
        choice("OZONE_POLICY", DEFAULT_POLICY, POLICIES),
        choice("OZONE_OBJECTIVE", "size", OBJECTIVES),
        choice("OZONE_ACCEPT", "tested", ACCEPT),
        number("OZONE_SEED", 0),
        number("OZONE_SERVER", 10),
        environment.get("OZONE_REPORT"),
        environment.get("OZONE_HARVEST"),
    )


def _compile_all(invocation: Invocation, options: _Options) -> int:
    for source in invocation.sources:
        code = _compile_one(invocation, source, invocation.object_name(source), options)
        if code:
            return code
    return 0


def _compile_and_link(invocation: Invocation, options: _Options) -> int:
    with tempfile.TemporaryDirectory(prefix="ozone-") as folder:
        objects = {}
        for index, source in enumerate(invocation.sources):
            objects[source] = os.path.join(folder, f"{index}-{Path(source).stem}.o")
            code = _compile_one(invocation, source, objects[source], options)
            if code:
                return code
        return clang.exec_clang(invocation.linking(objects))


def _compile_one(invocation: Invocation, source: str, output: str, options: _Options) -> int:
    """Write one object; clang's exit code."""
    with tempfile.TemporaryDirectory(prefix="ozone-") as folder:
        bitcode = Path(folder, "source.bc")
        front_end = invocation.front_end(source, output)
        code = clang.exec_clang([*front_end, *clang.UNOPTIMISED, "-o", str(bitcode)])
        if code:
            _remove(output)
            return code
        data = bitcode.read_bytes() if bitcode.exists() else b""
    if not data.startswith(b"BC"):  # it was asked for something else
        return _plain_object(invocation, front_end, output)
    if options.harvest:
        _keep(lambda: _harvest(Path(options.harvest or ""), source, data))
    if options.budget <= 0:
        return _plain_object(invocation, front_end, output)
    try:
        _optimise(invocation, source, Path(output), data, options)
    except OzoneError as error:
        _say(f"warning: {source}: {error}; the object is clang -Oz's")
        return _plain_object(invocation, front_end, output)
    return 0


def _plain_object(invocation: Invocation, front_end: Sequence[str], output: str) -> int:
    """clang -Oz's own; the warnings have been printed."""
    kind = invocation.kind or "-c"
    return clang.exec_clang([*front_end, "-w", "-Oz", kind, "-o", output])


def _remove(output: str) -> None:
    """As clang does when it fails: no stale object, which make would take for finished."""
    with contextlib.suppress(OSError):
        if os.path.isfile(output):
            os.unlink(output)


def _optimise(
    invocation: Invocation, source: str, output: Path, data: bytes, options: _Options
) -> None:
    order = Order(
        source, data, tuple(invocation.code_generation), invocation.kind == "-S",
        options.budget, options.policy, options.objective, options.accept, options.seed,
    )  # fmt: skip
    cache = Cache(default_path())
    try:
        compiled = remember(cache, data, order, lambda: _make(order, options.idle_s))
    finally:
        cache.close()
    write_file(output, compiled.output)
    for warning in compiled.summary["warnings"]:
        _say(f"warning: {warning}")
    if options.report:
        _keep(lambda: _report(Path(options.report or ""), source, output, compiled))


def _make(order: Order, idle_s: float) -> Compiled:
    """By the server, which has everything loaded; where there is none, here."""
    if idle_s > 0:
        from agent.server import ask

        compiled = ask(order, idle_s)
        if compiled is not None:
            return compiled
    return fulfil(order)


def _keep(record: Callable[[], None]) -> None:
    """Do what is for the user's records; a failure costs the record, not the object."""
    try:
        record()
    except OSError as error:
        _say(f"warning: cannot write {error.filename}: {error.strerror}")
    except OzoneError as error:
        _say(f"warning: {error}")


def _harvest(folder: Path, source: str, data: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(data).hexdigest()[:8]
    write_file(folder / f"{Path(source).stem}-{digest}.bc", data)


def _report(path: Path, source: str, output: Path, compiled: Compiled) -> None:
    record = {
        "source": source,
        "output": str(output.resolve()),
        "baseline": dataclasses.asdict(compiled.baseline),
        "ours": dataclasses.asdict(compiled.ours),
        "from_cache": compiled.from_cache,
        **compiled.summary,
    }
    line = json.dumps(record) + "\n"
    with open(path, "a") as file:  # one write of one line: parallel compilers do not mix theirs
        file.write(line)


if __name__ == "__main__":
    sys.exit(main())
