"""A corpus is built from what is there; whatever goes wrong is counted, and nothing is lost."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent import corpus
from agent.parts import TARGET
from anghabench import debian, sources, store
from anghabench.debian import Recipe
from anghabench.duplicates import SIMILAR, similarity
from anghabench.functions import instructions, shingles
from anghabench.store import CorpusFunction, Measured
from envs.evaluation import Job, Source
from envs.evaluator import Evaluator
from envs.pool import Limits
from ir_tools.canonical import canonical_text
from ir_tools.features import autophase
from ir_tools.llvm import Context
from ir_tools.plan import OZ, Plan
from ir_tools.process import ToolResult, run_tool
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("clang")

QUIET = Console(quiet=True)
HELD = Recipe(name="held", licence="Zlib", role="held-out", build="")


@pytest.fixture(scope="module")
def harvest(
    examples: Mapping[str, Source], compile_c: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """`held`, whose functions `leaky` has too, some of them renamed or changed a little."""
    folder = tmp_path_factory.mktemp("harvest")
    text = (ROOT / "anghabench" / "examples" / "json.c").read_text()
    changed = re.sub(
        r"\bint depth\b", "long depth", re.sub(r"\b(skip|parse)_(\w+)\(", r"\1s_\2(", text)
    )
    assert changed != text
    for project, name, data in (
        ("held", "json-01234567.bc", examples["json"].data),
        ("leaky", "again.bc", examples["json"].data),
        ("leaky", "changed.bc", compile_c(changed, "changed.c").data),
        ("leaky", "regex.bc", examples["regex"].data),
        ("leaky", "garbage.bc", os.urandom(500)),
        ("leaky", "cut.bc", examples["vm"].data[:-1000]),
    ):
        (folder / "bitcode" / project).mkdir(parents=True, exist_ok=True)
        (folder / "bitcode" / project / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def built(harvest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(debian, "recipes", lambda: {"held": HELD})
        folder = tmp_path_factory.mktemp("built") / "store"
        corpus.build(sources.chosen([harvest]), folder, 2, QUIET)
    return folder


@pytest.fixture(scope="module")
def functions(built: Path) -> list[CorpusFunction]:
    return list(store.read(built))


def test_each_function_is_what_the_store_says(functions: list[CorpusFunction]) -> None:
    assert len(functions) > 30
    for one in functions:
        with Context() as context, context.parse(one.bitcode) as module:
            (function,) = module.defined_functions()
            assert function.name == one.symbol
            assert function.instruction_count == one.o0.instructions
            assert tuple(autophase(module)) == one.autophase
            assert function.has_attribute("minsize")
    assert len({one.id for one in functions}) == len(functions)
    by_project = {one.project: (one.source, one.licence, one.split) for one in functions}
    assert by_project == {
        "held": ("debian", "Zlib", "held-out"),
        "leaky": ("harvest", "unknown", "train"),
    }
    files = {one.file for one in functions}
    assert {"json", "regex"} <= files <= {"json", "regex", "changed"}


def test_figures_are_the_evaluators(functions: list[CorpusFunction]) -> None:
    with Evaluator(1) as evaluator:
        for one in functions[::9]:
            source = Source(one.id, one.bitcode)
            for plan, figures in (
                (Plan(), one.o0),
                (Plan(before=OZ), one.oz),
                (Plan(before="default<O3>"), one.o3),
            ):
                (found,) = evaluator.evaluate([Job(source, plan, TARGET)])
                assert figures == Measured(
                    instructions=found.instructions, text=found.text, size=found.size
                )
    assert sum(one.oz.size for one in functions) < sum(one.o0.size for one in functions)


def _shingles(one: CorpusFunction) -> bytes:
    with Context() as context, context.parse(one.bitcode) as module:
        return shingles(instructions(canonical_text(module)))


def test_no_near_duplicate_of_a_held_out_function_is_in_training(
    functions: list[CorpusFunction], built: Path
) -> None:
    counts = store.manifest(built)["about"]["counts"]
    assert counts["removed"]["like a held-out function"] > 30  # all of json.c, but for a few
    sketches = [(one, _shingles(one)) for one in functions]
    assert {one.split for one in functions} == {"train", "held-out"}
    for (one, first), (other, second) in itertools.combinations(sketches, 2):
        assert similarity(first, second) < SIMILAR, (one.function, other.function)


def test_what_cannot_be_read_is_counted_by_its_reason(built: Path) -> None:
    counts = store.manifest(built)["about"]["counts"]
    assert counts["modules"] == 6
    assert counts["failed_modules"] == {"no bitcode": 1, "Blob ends too soon": 1}


def test_a_second_build_elsewhere_gives_the_same_hashes(
    harvest: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "recipes", lambda: {"held": HELD})
    shutil.copytree(harvest, tmp_path / "elsewhere")
    corpus.build(sources.chosen([tmp_path / "elsewhere"]), tmp_path / "store", 1, QUIET)
    again = store.manifest(tmp_path / "store")
    assert again == store.manifest(built)
    shutil.rmtree(tmp_path / "elsewhere" / "bitcode" / "leaky")
    corpus.build(sources.chosen([tmp_path / "elsewhere"]), tmp_path / "store", 1, QUIET)
    fewer = store.manifest(tmp_path / "store")
    assert fewer["content"] != again["content"]
    assert fewer["shards"] == again["shards"][:1]


def test_what_failed_for_want_of_resources_is_tried_again(
    harvest: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "recipes", lambda: {"held": HELD})
    monkeypatch.setattr(corpus, "_LIMITS", Limits(cpu_s=1e-3))
    corpus.build(sources.chosen([harvest]), tmp_path / "store", 2, QUIET)
    counts = store.manifest(tmp_path / "store")["about"]["counts"]
    assert counts["failed_modules"].get("hang", 0) + counts["failed_functions"].get("o0: hang", 0)
    monkeypatch.setattr(corpus, "_LIMITS", Limits())
    corpus.build(sources.chosen([harvest]), tmp_path / "store", 2, QUIET)
    assert store.manifest(tmp_path / "store")["content"] == store.manifest(built)["content"]


def test_no_project_has_more_than_its_share(
    harvest: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "recipes", lambda: {"held": HELD})
    monkeypatch.setattr(corpus, "_MOST", {"train": 2, "held-out": 5})
    corpus.build(sources.chosen([harvest]), tmp_path / "store", 2, QUIET)
    every: dict[str, list[str]] = {"held": [], "leaky": []}
    for one in store.read(built):
        every[one.project].append(one.id)
    few = {one.id for one in store.read(tmp_path / "store")}
    assert few == {*sorted(every["held"])[:5], *sorted(every["leaky"])[:2]}
    assert store.manifest(tmp_path / "store")["about"]["counts"]["surplus"] == {
        "debian/held": len(every["held"]) - 5,
        "harvest/leaky": len(every["leaky"]) - 2,
    }


# --- the command -------------------------------------------------------------------------------


@pytest.fixture
def data(run_module: Any) -> Any:
    def run(*arguments: str | Path, **env: str) -> ToolResult:
        result: ToolResult = run_module("agent.cli", "data", *arguments, **env)
        return result

    return run


def test_a_corpus_has_a_card_and_can_be_looked_at(
    data: Any, built: Path, functions: list[CorpusFunction], tmp_path: Path
) -> None:
    card = data("stats", built, "--json", "card.json").check().stdout.decode()
    assert card.strip() == (built / "DATA_CARD.md").read_text().strip()
    assert json.loads((tmp_path / "card.json").read_text())["functions"] == len(functions)
    one = functions[3]
    shown = data("show", built, one.id[:12]).check().stdout.decode()
    assert f"; project: {one.project}" in shown
    assert f"; oz: {{'instructions': {one.oz.instructions}, 'text': {one.oz.text}" in shown
    with Context() as context, context.parse(shown) as module:
        assert module.function(one.symbol)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "-o", "out"], b"nothing to build a corpus from"),
        (["build", "nowhere", "-o", "out"], b"no bitcode in nowhere: run 'ozone data harvest"),
        (["build", "--polybench", "nowhere", "-o", "out"], b"OZONE_POLYBENCH=nowhere does not"),
        (["stats", "nowhere"], b"no corpus in nowhere: make one with 'ozone data build'"),
        (["show", "nowhere", "0"], b"no corpus in nowhere"),
        (["harvest", "out", "nosuch"], b"no recipe 'nosuch': known are"),
    ],
)
def test_what_is_not_there_is_one_line(arguments: list[str], message: bytes, data: Any) -> None:
    result = data(*arguments)
    assert result.returncode == 1
    assert result.stderr.startswith(b"ozone: error: " + message)
    assert result.stderr.count(b"\n") == 1


def test_an_id_that_several_or_none_have_is_one_line(data: Any, built: Path) -> None:
    for beginning, message in (("", b"functions have an id that begins"), ("x", b"0 functions")):
        result = data("show", built, beginning)
        assert (result.returncode, result.stderr.count(b"\n")) == (1, 1)
        assert message in result.stderr


def _done(folder: Path) -> int:
    """How many modules of a build are finished."""
    try:
        with sqlite3.connect(folder / "work" / "modules.sqlite") as connection:
            (count,) = connection.execute("SELECT count(*) FROM work").fetchone()
        return int(count)
    except sqlite3.Error:
        return 0


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Thirty modules of a function each, no two alike."""
    folder = tmp_path / "many" / "bitcode" / "mine"
    folder.mkdir(parents=True)
    with Context() as context:
        for number in range(30):
            lines = (f"%v{n} = mul i32 %v{n - 1}, {number * 20 + n}" for n in range(1, 20))
            text = "\n".join(
                ("define i32 @f(i32 %v0) minsize optsize {", *lines, "ret i32 %v19\n}")
            )
            with context.parse(text) as module:
                (folder / f"{number:02}.bc").write_bytes(module.bitcode())
    return tmp_path / "many"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_an_interrupted_build_goes_on_where_it_was(
    number: int, code: int, many: Path, tmp_path: Path, marked: Any
) -> None:
    argv = [sys.executable, "-m", "agent.cli", "data", "build", "many", "-j1", "-o", "store"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    results: list[ToolResult] = []

    def run() -> None:
        results.append(run_tool(argv, timeout_s=100, cwd=tmp_path, env=env))

    thread = threading.Thread(target=run)
    thread.start()
    while _done(tmp_path / "store") < 3:
        time.sleep(0.01)
    os.kill(min(marked.pids("agent.cli data build")), number)  # others are about to be workers
    thread.join()
    assert results[0].returncode == code
    assert b"Traceback" not in results[0].stderr
    marked.wait_until_gone()
    assert 3 <= _done(tmp_path / "store") < 30
    run()
    assert results[1].returncode == 0, results[1].stderr
    assert b"30 functions of 30 modules" in results[1].stderr
    corpus.build(sources.chosen([many]), tmp_path / "whole", 1, QUIET)
    contents = {store.manifest(tmp_path / name)["content"] for name in ("store", "whole")}
    assert len(contents) == 1


def test_two_builds_of_one_store_are_refused(data: Any, tmp_path: Path) -> None:
    with store.locked(tmp_path / "out" / "work"):
        result = data("build", "--examples", "-o", "out")
    assert result.returncode == 1
    assert b"another process is writing to out/work" in result.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_smoke_set_is_built_end_to_end_twice_with_the_same_hashes(
    data: Any, tmp_path: Path
) -> None:
    for tool in ("apt-get", "dpkg-source"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    manifests = []
    for name in ("one", "two"):
        data("harvest", name, "--set", "smoke", timeout_s=500).check()
        data("build", name, "-o", f"{name}/store", timeout_s=300).check()
        manifests.append(store.manifest(tmp_path / name / "store"))
    assert manifests[0] == manifests[1]
    assert set(manifests[0]["about"]["versions"]) == {"zlib", "cjson", "giflib"}
    splits = {shard["project"]: shard["split"] for shard in manifests[0]["shards"]}
    assert splits == {"zlib": "held-out", "cjson": "train", "giflib": "train"}
    assert sum(shard["functions"] for shard in manifests[0]["shards"]) > 250
