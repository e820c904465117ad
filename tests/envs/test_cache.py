"""The cache keeps what it was given, for everybody; and where it cannot, work goes on."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from envs import cache as cache_module
from envs.cache import Cache, code_identity, default_path
from envs.evaluation import Evaluation, Failure, Job, Source, Status
from envs.evaluator import Evaluator
from ir_tools.plan import Plan
from ir_tools.process import run_tool

ROOT = Path(__file__).resolve().parents[2]
EVALUATION = Evaluation(
    Status.OK,
    "a message",
    instructions=1,
    text=2,
    rodata=3,
    data=4,
    eh_frame=5,
    functions={"f": (6, 7), "naïve \udcff": (0, 1)},
    failures=(Failure("g", Status.HANG, "too long"), Failure("h", Status.OOM, "")),
    wall_s=0.5,
)


def test_an_evaluation_comes_back_equal_in_another_connection(tmp_path: Path) -> None:
    first = Cache(tmp_path / "a" / "b" / "c.sqlite")  # folders are made
    first.put_evaluation("key", EVALUATION)
    second = Cache(tmp_path / "a" / "b" / "c.sqlite")
    stored = second.evaluation("key")
    assert stored == EVALUATION
    assert (stored.wall_s, stored.status) == (0.5, Status.OK)
    assert isinstance(stored.failures[0].status, Status)
    assert second.evaluation("other") is None
    first.close()
    second.close()


def test_artefacts_are_bytes_and_no_evaluations(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c.sqlite")
    cache.put_artefact("key", b"\0\xff" * 1000)
    cache.put_artefact("key", b"\xff\0" * 1000)
    assert cache.artefact("key") == b"\xff\0" * 1000
    assert cache.evaluation("key") is None
    cache.close()
    assert cache.artefact("key") is None  # closed is as good as absent
    cache.close()


def test_without_a_path_nothing_is_kept(tmp_path: Path) -> None:
    cache = Cache(None)
    cache.put_artefact("key", b"x")
    assert cache.artefact("key") is None
    cache.close()


def damaged(path: Path) -> None:
    """A good cache whose pages are noise after the first one's header."""
    cache = Cache(path)
    for index in range(200):
        cache.put_artefact(str(index), os.urandom(500))
    cache.close()
    content = bytearray(path.read_bytes())
    content[100:] = os.urandom(len(content) - 100)
    path.write_bytes(content)


NO_CACHES: dict[str, Callable[[Path], object]] = {
    "noise": lambda path: path.write_bytes(os.urandom(5000)),
    "damaged pages": damaged,
    "a folder": lambda path: path.mkdir(),
    "a full disk": lambda path: path.symlink_to("/dev/full"),
    "not writable": lambda path: path.symlink_to("/proc/c.sqlite"),
    "below a file": lambda path: (path.parent.rmdir(), path.parent.touch()),
    "a dangling link": lambda path: path.symlink_to("nowhere/c.sqlite"),
    "an empty file": lambda path: path.touch(),
}


@pytest.mark.parametrize("spoil", NO_CACHES.values(), ids=NO_CACHES)
def test_a_spoilt_cache_does_not_stop_the_work(
    spoil: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "folder" / "c.sqlite"
    path.parent.mkdir()
    spoil(path)
    cache = Cache(path)
    source = Source("f.ll", b"define i32 @f() { ret i32 7 }")
    with Evaluator(1, cache) as evaluator:
        for _ in range(2):
            (evaluation,) = evaluator.evaluate([Job(source, Plan())])
            assert evaluation.ok
    cache.close()


def test_a_spoilt_row_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    Cache(path).put_evaluation("key", EVALUATION)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE results SET value = ?", (b"{",))
    assert Cache(path).evaluation("key") is None


def test_another_versions_rows_are_dropped_and_ours_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version=99")
        database.execute("CREATE TABLE results (something TEXT)")
    cache = Cache(path)
    cache.put_artefact("key", b"x")
    assert Cache(path).artefact("key") == b"x"


SCRIPT = """
import sys
from pathlib import Path
from envs.cache import Cache
cache = Cache(Path(sys.argv[1]))
for index in range(300):
    cache.put_artefact(f"{sys.argv[2]} {index}", sys.argv[2].encode() * 400)
mine = [cache.artefact(f"{sys.argv[2]} {index}") for index in range(300)]
cache.close()
print(mine.count(sys.argv[2].encode() * 400))
"""


def run_script(*arguments: str, before: str = "") -> str:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    argv = ["sh", "-c", f'{before} exec "$@"', "sh", sys.executable, "-c", SCRIPT, *arguments]
    return run_tool(argv, timeout_s=30, env=env).check().stdout.decode().strip()


def test_processes_share_one_cache_from_its_creation_on(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda name=name: answers.append(run_script(str(path), name)))
        for name in "abcd"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["300"] * 4
    cache = Cache(path)
    assert all(cache.artefact(f"{name} 299") == name.encode() * 400 for name in "abcd")
    cache.close()


def test_a_disk_that_fills_up_costs_rows_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    kept = int(run_script(str(path), "a", before="ulimit -f 64;"))  # the largest file, 32 KiB
    assert kept < 300
    assert run_script(str(path), "b") == "300"  # and all is well when there is room again


def test_threads_share_one_cache(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    Cache(path).close()

    def work(name: str) -> None:
        cache = Cache(path)
        for index in range(100):
            cache.put_evaluation(f"{name} {index}", EVALUATION)
        cache.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache = Cache(path)
    assert all(cache.evaluation(f"{name} {i}") == EVALUATION for name in "abcd" for i in range(100))
    cache.close()


def test_a_cache_that_outgrew_its_limit_forgets_the_older_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.sqlite"
    monkeypatch.setattr(cache_module, "_MAX_BYTES", 1 << 20)
    cache = Cache(path)
    for index in range(100):
        cache.put_artefact(str(index), os.urandom(50_000))
    cache.close()
    kept = [index for index in range(100) if Cache(path).artefact(str(index))]
    assert kept == list(range(50, 100))
    assert path.stat().st_size < 3 << 20


def test_the_place_is_the_environments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OZONE_CACHE", "/somewhere/file")
    assert default_path() == Path("/somewhere/file")
    monkeypatch.setenv("OZONE_CACHE", "")
    assert default_path() is None
    monkeypatch.delenv("OZONE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_path() == tmp_path / "ozone" / "results.sqlite"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / ".cache" / "ozone" / "results.sqlite"


def test_code_is_all_that_a_package_holds_down_to_the_packages_within_it() -> None:
    names = {name for name, _, _ in code_identity("ir_tools")}
    assert names == {
        str(path.relative_to(ROOT))
        for path in (ROOT / "ir_tools").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "ir_tools/verify/interpreter/storage.py" in names
