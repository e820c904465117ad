"""Start-up: `ozone opt --budget 0` against `opt`, and `ozone-cc` from the cache against clang.

Whole processes, by the wall clock, in turns. `ozone opt` gets an empty cache each time, `ozone-cc`
one that holds the result. Byte code is cached, as after `pip install`.

What is not measured: the first start after an installation, and larger input.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from benchmarks.figures import Clock, Figure, Result, column, ratios
from benchmarks.material import Options, environment, examples, functions, script, text
from ir_tools import clang
from ir_tools.plan import OZ
from ir_tools.process import run_tool

_REPETITIONS = 30
_INSTRUCTIONS = 50
_ALLOWANCE_S = 0.15
_TIMEOUT_S = 60.0


def run(options: Options) -> Result:
    """The two comparisons."""
    with tempfile.TemporaryDirectory() as name:
        folder, repetitions = Path(name), options.times(_REPETITIONS)
        clocks = _in_turns(_works(folder, options), repetitions)
    allowed = tuple(2 * seconds + _ALLOWANCE_S for seconds in column(clocks, "opt"))
    ours = column(clocks, "ozone opt")
    return Result(
        (
            Figure(
                "startup: ozone opt against 2 × opt + 0.15 s",
                tuple(map(float.__truediv__, ours, allowed)),
                at_most=1,
                note=f"{_milliseconds(ours)} against {_milliseconds(column(clocks, 'opt'))}",
            ),
            Figure(
                "startup: cached ozone-cc -c against clang -Oz -c",
                ratios(clocks, "ozone-cc", "clang"),
                note=f"{_milliseconds(column(clocks, 'ozone-cc'))} against "
                f"{_milliseconds(column(clocks, 'clang'))}",
            ),
        ),
        [clock.as_json() for clock in clocks],
    )


def _milliseconds(values: tuple[float, ...]) -> str:
    return f"{1000 * sorted(values)[len(values) // 2]:.0f} ms"


def _works(folder: Path, options: Options) -> dict[str, Callable[[], object]]:
    nearest = min(functions(examples()), key=lambda one: abs(one.instructions - _INSTRUCTIONS))
    ir, cache = folder / "function.ll", folder / "opt.sqlite"
    ir.write_text(text(nearest.source))
    program = folder / "program.c"
    program.write_bytes(min(_example_texts(), key=len))
    ours = environment(options.folder, OZONE_CACHE=str(cache))
    compiler = environment(options.folder, OZONE_CACHE=str(folder / "cc.sqlite"))
    compiled = ["-std=c11", "-c", str(program), "-o", str(folder / "program.o")]

    def ozone_opt() -> object:
        for path in folder.glob(f"{cache.name}*"):
            path.unlink()
        argv = [script("ozone"), "opt", str(ir), "--budget", "0", "-S", "-o", "/dev/null"]
        return run_tool(argv, timeout_s=_TIMEOUT_S, env=ours).check()

    def tool(*argv: str) -> Callable[[], object]:
        return lambda: run_tool(argv, timeout_s=_TIMEOUT_S, env=compiler).check()

    return {
        "opt": tool("opt-22", f"-passes={OZ}", "-S", str(ir), "-o", "/dev/null"),
        "ozone opt": ozone_opt,
        "clang": tool(*clang.clang(), "-Oz", *compiled),
        "ozone-cc": tool(script("ozone-cc"), "-Oz", *compiled),
    }


def _example_texts() -> list[bytes]:
    folder = resources.files("anghabench") / "examples"
    return [path.read_bytes() for path in folder.iterdir() if path.name.endswith(".c")]


def _in_turns(works: dict[str, Callable[[], object]], repetitions: int) -> list[Clock]:
    """A clock a repetition, after one turn that fills the caches."""
    clocks = [Clock() for _ in range(repetitions + 1)]
    for clock in clocks:
        for name, work in works.items():
            clock.time(name, work)
    return clocks[1:]
