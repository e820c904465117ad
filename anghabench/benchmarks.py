"""Benchmarks by URI, as CompilerGym names them, and one's own files.

    benchmark://anghabench-v1/PATH      a function; OZONE_ANGHABENCH says where AnghaBench lies
    benchmark://polybench-v4/NAME       a program; OZONE_POLYBENCH
    benchmark://cbench-v1/NAME          a program; OZONE_CBENCH
    benchmark://examples-v0/NAME        a program; comes with Ozone
    generator://csmith-v0/SEED          a program; needs csmith
    file:///PATH                        .c, .cc, .cpp, .cxx, .ll or .bc; C may have ?cflags=FLAGS

Any of them may end in `#FUNCTION`: that function alone, in a module of its own. What is special in
a URI is written `%XX` in paths, flags and names of functions.
"""

from __future__ import annotations

import difflib
import itertools
import shlex
import urllib.parse
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from anghabench.cbench import CBENCH
from anghabench.csmith import CSMITH
from anghabench.program import Benchmark, Command, Dataset, compiled, has_main
from anghabench.running import validate
from anghabench.suites import ANGHABENCH, EXAMPLES, POLYBENCH
from ir_tools.assemble import assemble
from ir_tools.errors import BenchmarkError, UnknownBenchmarkError
from ir_tools.llvm import Context
from ir_tools.partition import extract, extractable

__all__ = ["Benchmark", "Command", "Dataset", "datasets", "resolve", "validate"]

_C = (".c",)
_CPP = (".cc", ".cpp", ".cxx")
_IR = (".ll", ".bc")
_COMPARED = 20_000  # paths of a dataset with which an unknown one is compared


@cache
def datasets() -> Mapping[str, Dataset]:
    """The known datasets, by the beginning of their benchmarks' URIs."""
    known = (EXAMPLES, ANGHABENCH, POLYBENCH, CBENCH, CSMITH)
    return {dataset.name: dataset for dataset in known}


def resolve(uri: str) -> Benchmark:
    """The benchmark of a URI.

    Raises UnknownBenchmarkError where the URI names nothing; BenchmarkError where what it names
    does not compile or is not on this machine; ParseError for IR that LLVM does not read; ToolError
    where a compiler or generator is missing.
    """
    parts = urllib.parse.urlsplit(uri)
    whole = _file(uri, parts) if parts.scheme == "file" else _member(uri, parts)
    function = urllib.parse.unquote(parts.fragment)
    return _alone(whole, function) if function else whole


def _member(uri: str, parts: urllib.parse.SplitResult) -> Benchmark:
    name = f"{parts.scheme}://{parts.netloc}"
    dataset = datasets().get(name)
    if dataset is None and not parts.scheme:
        raise UnknownBenchmarkError(
            f"'{uri}' is no URI: they begin with {', '.join(_beginnings())}"
        )
    if dataset is None:
        raise _unknown(f"no dataset '{name}'", name, _beginnings())
    if parts.query:
        raise UnknownBenchmarkError(f"{uri}: only file:/// takes a query")
    path = urllib.parse.unquote(parts.path).strip("/")
    found = dataset.load(uri, path)
    if found is None:
        some = itertools.islice(dataset.paths(), _COMPARED)
        raise _unknown(f"{name} has no benchmark '{path}'", path, some)
    return found


def _beginnings() -> list[str]:
    return [*datasets(), "file:///"]


def _unknown(message: str, wanted: str, known: Iterable[str]) -> UnknownBenchmarkError:
    """An error that lists what is near to what was wanted, or what there is."""
    names = list(known)
    near = difflib.get_close_matches(wanted, names, n=3)
    suggestion = f"did you mean {' or '.join(near)}?" if near else f"known: {_few(names)}"
    return UnknownBenchmarkError(f"{message}: {suggestion}")


def _few(names: list[str]) -> str:
    return ", ".join(names[:6]) + (", …" if len(names) > 6 else "") if names else "none"


def _file(uri: str, parts: urllib.parse.SplitResult) -> Benchmark:
    path = Path(urllib.parse.unquote(parts.path))
    if parts.netloc or not path.is_absolute():
        raise UnknownBenchmarkError(f"{uri}: a file's URI is file:/// and its whole path")
    flags = _flags(uri, parts.query)
    suffix = path.suffix.lower()
    if suffix not in (*_C, *_CPP, *_IR):
        known = " ".join((*_C, *_CPP, *_IR))
        raise UnknownBenchmarkError(f"{uri}: the file's name must end in one of {known}")
    if not path.is_file():
        raise UnknownBenchmarkError(f"{uri}: no such file")
    if suffix in _IR:
        return _of_ir(uri, path, flags)
    link = ("--driver-mode=g++", "-lm") if suffix in _CPP else ("-lm",)
    return _runnable(uri, compiled(path, flags), Command(link))


def _flags(uri: str, query: str) -> tuple[str, ...]:
    if not query:
        return ()
    key, _, value = query.partition("=")
    if key != "cflags":
        raise UnknownBenchmarkError(f"{uri}: '{key}' is unknown, the query may be ?cflags=FLAGS")
    try:
        return tuple(shlex.split(urllib.parse.unquote(value)))
    except ValueError as error:
        raise UnknownBenchmarkError(f"{uri}: cflags: {error}") from error


def _of_ir(uri: str, path: Path, flags: tuple[str, ...]) -> Benchmark:
    if flags:
        raise UnknownBenchmarkError(f"{uri}: cflags are for C, not for IR")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BenchmarkError(f"{uri}: cannot be read: {error.strerror}") from error
    return _runnable(uri, assemble(data, str(path)), Command())


def _runnable(uri: str, bitcode: bytes, command: Command) -> Benchmark:
    """A benchmark that is run where it has a `main`."""
    with Context() as context, context.parse(bitcode) as module:
        return Benchmark(uri, bitcode, command if has_main(module) else None)


def _alone(whole: Benchmark, function: str) -> Benchmark:
    """One function of a benchmark, in a module of its own."""
    with Context() as context, context.parse(whole.bitcode) as module:
        names = extractable(module)
        if function not in names:
            uri = whole.uri.partition("#")[0]
            raise _unknown(f"{uri} has no function '{function}' to take out", function, names)
        with extract(module, [function]) as part:
            return Benchmark(whole.uri, part.bitcode(), None)
