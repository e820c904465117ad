"""What Ozone saves on real programs, by policy and budget; every program passes its own tests.

zlib, lua, bzip2 and lz4, which nothing was chosen or tuned on, are built by their own makefiles:
once with `clang -Oz`, then with `ozone-cc` for each policy and budget. Sizes are those of the
object files on disk, all that a build leaves, ours against clang's of the same name; the size is
.text, .rodata and initialised data. Production passes only. Builds share one cache, which changes
no byte of them.

What is not measured: time (see `build`), linked programs, speed of the result.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.tally import Tally
from anghabench import debian
from benchmarks.figures import Figure, Result
from benchmarks.material import Options, environment, script
from ir_tools import clang
from ir_tools.errors import ToolError
from ir_tools.measure import object_sizes

_PROGRAMS = ("zlib", "lua5.4", "bzip2", "lz4")
_POLICIES = ("lm", "coreset", "random", "search")
_CONFIGURATIONS = (  # policy, budget, accept
    *((policy, budget, "tested") for budget in (1, 10, 20, 30) for policy in _POLICIES[:2]),
    *((policy, budget, "unverified") for budget in (1, 10) for policy in _POLICIES),
    ("coreset", 20, "unverified"),
    *((policy, 30, "unverified") for policy in _POLICIES),
)
_QUICK = (("lm", 10, "tested"), ("coreset", 10, "tested"))
_AIMS = {("lm", 10): 4.0, ("lm", 20): 5.0}  # percent of .text, with verdicts
_JOBS = 2

Sizes = dict[str, tuple[int, int]]  # (text, size) by object


@dataclass(slots=True)
class Outcome:
    """All programs under one policy and budget."""

    policy: str
    budget: int
    accept: str
    programs: dict[str, dict[str, int]] = field(default_factory=dict)
    larger: list[str] = field(default_factory=list)
    failures: collections.Counter[str] = field(default_factory=collections.Counter)
    broken: list[str] = field(default_factory=list)  # programs that fail their own tests
    verdicts: Tally = field(default_factory=Tally)

    @property
    def label(self) -> str:
        return f"{self.policy}, budget {self.budget}, {self.accept}"

    def percent(self, what: str, program: str | None = None) -> float:
        """The reduction of text or size, of one program or of all."""
        rows = [self.programs[program]] if program else [*self.programs.values()]
        before = sum(row[f"clang_{what}"] for row in rows)
        return 100 * (1 - sum(row[what] for row in rows) / before)


def run(options: Options) -> Result:
    """Reductions in percent, with a table in Markdown."""
    recipes = [debian.recipes()[name] for name in _PROGRAMS]
    plain = {recipe.name: _build_plain(recipe, options.folder) for recipe in recipes}
    outcomes = []
    for configuration in _QUICK if options.quick else _CONFIGURATIONS:
        outcome = Outcome(*configuration)
        for recipe in recipes:
            _build(recipe, options.folder, outcome, plain[recipe.name])
        outcomes.append(outcome)
        _save(outcomes, options.folder / "reduction.json")
    return Result(
        tuple(figure for outcome in outcomes for figure in _figures(outcome)),
        [_as_json(outcome) for outcome in outcomes],
        "\n".join(markdown(outcomes)),
    )


def _build_plain(recipe: debian.Recipe, folder: Path) -> Sizes:
    debian.clean(recipe, folder)
    tree = debian.fetch(recipe, folder)
    debian.build(recipe, tree, cc=clang.clang()[0], jobs=_JOBS)
    return _sizes(tree)


def _build(recipe: debian.Recipe, folder: Path, outcome: Outcome, plain: Sizes) -> None:
    """Build and test one program, and enter it into the outcome."""
    debian.clean(recipe, folder)
    tree = debian.fetch(recipe, folder)
    report = folder / "reduction.report.json"
    report.unlink(missing_ok=True)
    env = environment(
        folder,
        OZONE_CACHE=str(folder / "reduction.sqlite"),
        OZONE_POLICY=outcome.policy,
        OZONE_BUDGET=str(outcome.budget),
        OZONE_ACCEPT=outcome.accept,
    )
    compiler = script("ozone-cc")
    reported = {**env, "OZONE_REPORT": str(report)}
    debian.build(recipe, tree, cc=compiler, jobs=_JOBS, env=reported, timeout_s=7200)
    _enter(outcome, recipe.name, plain, _sizes(tree))
    for line in report.read_text().splitlines():
        row = json.loads(line)
        outcome.failures.update(row["failures"])
        outcome.verdicts += Tally.of(row["functions"], row["refused"])
    try:
        debian.check(recipe, tree, cc=compiler, jobs=_JOBS, env=env)
    except ToolError as error:
        outcome.broken.append(str(error))


def _sizes(tree: Path) -> Sizes:
    """Objects by their path, without the folders that some makefiles name after a hash of CC."""
    sizes: Sizes = {}
    for path in sorted(tree.rglob("*.o")):
        measured = object_sizes(path.read_bytes())
        parts = [part for part in path.relative_to(tree).parts if not _is_hash(part)]
        name = "/".join(parts)
        while name in sizes:
            name += "'"
        sizes[name] = measured.text, measured.size
    return sizes


def _is_hash(part: str) -> bool:
    return len(part) >= 16 and all(letter in "0123456789abcdef_" for letter in part)


def _enter(outcome: Outcome, program: str, plain: Sizes, ours: Sizes) -> None:
    if plain.keys() != ours.keys():
        raise ToolError(f"{program}: other objects: {sorted(plain.keys() ^ ours.keys())}")
    outcome.programs[program] = {
        "objects": len(ours),
        "clang_text": sum(text for text, _ in plain.values()),
        "text": sum(text for text, _ in ours.values()),
        "clang_size": sum(size for _, size in plain.values()),
        "size": sum(size for _, size in ours.values()),
    }
    larger = [name for name, (_, size) in ours.items() if size > plain[name][1]]
    outcome.larger += [f"{program}/{name}" for name in larger]


def _figures(outcome: Outcome) -> Iterator[Figure]:
    failures = ", ".join(f"{count} {status}" for status, count in outcome.failures.items())
    note = f"size {outcome.percent('size'):.2f} %; failures survived: {failures or 'none'}"
    aim = _AIMS.get((outcome.policy, outcome.budget)) if outcome.accept == "tested" else None
    if outcome.accept == "tested":
        note += f"; {outcome.verdicts}"
    text = (outcome.percent("text"),)
    yield Figure(f"{outcome.label}: less .text", text, "%", at_least=aim, note=note)
    larger = ", ".join(outcome.larger)
    yield Figure(f"{outcome.label}: objects larger", (len(outcome.larger),), "", 0, note=larger)
    broken = "; ".join(outcome.broken)
    yield Figure(f"{outcome.label}: failed tests", (len(outcome.broken),), "", 0, note=broken)


def markdown(outcomes: list[Outcome]) -> Iterator[str]:
    """The README's table: .text saved in each program, .text and size in all of them."""
    programs = [*outcomes[0].programs]
    objects = sum(row["objects"] for row in outcomes[0].programs.values())
    head = f"{' | '.join(programs)} | all {objects} objects: .text | size"
    yield f"| accepted | policy | budget | {head} |"
    yield "|---" * (len(programs) + 5) + "|"
    for one in outcomes:
        cells = [f"{one.percent('text', program):.1f}" for program in programs]
        cells += [f"{one.percent('text'):.1f}", f"{one.percent('size'):.1f}"]
        yield f"| {one.accept} | {one.policy} | {one.budget} | {' | '.join(cells)} |"


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "policy": outcome.policy,
        "budget": outcome.budget,
        "accept": outcome.accept,
        "verdicts": str(outcome.verdicts),
        "text_percent": outcome.percent("text"),
        "size_percent": outcome.percent("size"),
        "programs": outcome.programs,
        "larger": outcome.larger,
        "failures": dict(outcome.failures),
        "broken": outcome.broken,
    }


def _save(outcomes: list[Outcome], path: Path) -> None:
    """What is known so far: a run takes hours."""
    path.write_text(json.dumps([_as_json(outcome) for outcome in outcomes], indent=1))
