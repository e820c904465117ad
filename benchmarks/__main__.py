"""`python -m benchmarks [NAME…]`: run benchmarks and print one table.

Without names: evaluation, environment, startup, memory, build and proposal, about half an hour on
two cores. By name only, for they take long: reduction, survival, steps, identity, verification,
labelling. On a machine that does other things the figures are ratios all the same: what is compared
took turns.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

from rich.console import Console

from benchmarks.figures import Figure, Result, show
from benchmarks.material import Options
from ir_tools.errors import OzoneError
from ir_tools.installed import loaded_version

_ALWAYS = ("evaluation", "environment", "startup", "memory", "build", "proposal")
_BY_NAME = ("reduction", "survival", "steps", "identity", "verification", "labelling")
_WIDTH = 150  # of the table in a file or a pipe
_ROOT = Path(__file__).resolve().parent.parent


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("benchmarks", description=__doc__)
    add, known = parser.add_argument, _ALWAYS + _BY_NAME
    add("names", nargs="*", metavar="NAME", help=", ".join(known))
    add("--quick", action="store_true", help="a tenth of the repetitions")
    add(
        "--folder",
        type=Path,
        default=_ROOT / "out" / "benchmarks",
        help="sources, builds and caches; reused by the next run",
    )
    add(
        "--bitcode",
        type=Path,
        help="modules for survival, steps, identity and labelling (default: the examples)",
    )
    add("--json", type=Path, help="write everything measured to this file")  # fmt: skip
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        parser.error(f"no benchmark '{unknown[0]}': one of {', '.join(known)}")
    return options


def main() -> None:
    """Run benchmarks and print their figures beside the project's targets."""
    options = _options()
    folder, quick, bitcode = options.folder, options.quick, options.bitcode
    chosen = options.names or list(_ALWAYS)
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(f"LLVM {loaded_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if quick:
        console.print("--quick: a tenth of the repetitions; these figures are no measurements")
    results = {name: _run(name, Options(folder, quick, bitcode), console) for name in chosen}
    figures: list[Figure] = [figure for one in results.values() for figure in one.figures]
    show(figures, console)
    if options.json is not None:
        options.json.write_text(json.dumps(_as_json(results, quick), indent=1))


def _run(name: str, options: Options, console: Console) -> Result:
    with console.status(f"{name} …"):
        result: Result = importlib.import_module(f"benchmarks.{name}").run(options)
    if result.text:
        console.print(result.text, markup=False, highlight=False, soft_wrap=True)
    return result


def _as_json(results: dict[str, Result], quick: bool) -> dict[str, object]:
    return {
        "llvm": loaded_version(),
        "cores": os.cpu_count(),
        "quick": quick,
        "benchmarks": {
            name: {"figures": [figure.as_json() for figure in one.figures], "data": one.data}
            for name, one in results.items()
        },
    }


if __name__ == "__main__":
    try:
        main()
    except OzoneError as error:
        print(f"benchmarks: error: {error}", file=sys.stderr)
        sys.exit(1)
