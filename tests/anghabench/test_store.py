"""A store is what was written, or an error of one line: never half of it."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anghabench import store
from anghabench.store import CorpusFunction, Measured
from ir_tools.errors import StoreError

measured = st.builds(Measured, **dict.fromkeys(("instructions", "text", "size"), st.integers(0, 9)))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
functions = st.builds(
    CorpusFunction,
    **dict.fromkeys(("id", "source", "project", "file", "function", "licence", "symbol"), texts),
    split=st.just("train"),
    bitcode=st.binary(max_size=50),
    **dict.fromkeys(("o0", "oz", "o3"), measured),
    autophase=st.lists(st.integers(0, 1000), max_size=5).map(tuple),
    marks=st.lists(texts, max_size=2).map(tuple),
)


def function(number: int, project: str = "zlib", split: store.Split = "train") -> CorpusFunction:
    size = Measured(instructions=number, text=2, size=3)
    return CorpusFunction(
        id=f"{number:016x}", source="debian", project=project, file="a.c", function=f"f{number}",
        licence="Zlib", split=split, symbol=f".ozone.f{number}", bitcode=bytes([number] * 500),
        o0=size, oz=size, o3=size, autophase=(number, 2), marks=("inline-asm",),
    )  # fmt: skip


CORPUS = [function(n) for n in range(3)] + [function(n, "lua", "held-out") for n in range(3, 5)]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    store.write(tmp_path / "store", CORPUS, {"llvm": "22"})
    return tmp_path / "store"


@given(st.lists(functions, max_size=4))
@settings(max_examples=30, deadline=None)
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, written: list[CorpusFunction]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    written.sort(key=lambda one: (one.source, one.project))
    store.write(folder, written, {})
    assert list(store.read(folder)) == written


def test_a_split_is_read_alone_and_bitcode_is_left_out_where_it_is_not_wanted(
    corpus: Path,
) -> None:
    assert list(store.read(corpus)) == CORPUS
    assert list(store.read(corpus, "train")) == CORPUS[:3]
    light = [dataclasses.replace(one, bitcode=b"") for one in CORPUS[3:]]
    assert list(store.read(corpus, "held-out", bitcode=False)) == light


def test_the_manifest_counts_and_a_second_build_gives_the_same(corpus: Path) -> None:
    first = store.manifest(corpus)
    assert [(s["project"], s["split"], s["functions"]) for s in first["shards"]] == [
        ("zlib", "train", 3), ("lua", "held-out", 2),
    ]  # fmt: skip
    assert first["about"] == {"llvm": "22"}
    store.write(corpus, CORPUS, {"llvm": "22"})
    assert store.manifest(corpus) == first
    other = dataclasses.replace(CORPUS[0], bitcode=b"other")
    store.write(corpus, [other, *CORPUS[1:]], {"llvm": "22"})
    changed = store.manifest(corpus)
    assert changed["content"] != first["content"]
    assert changed["shards"][1] == first["shards"][1]
    assert len(list((corpus / "functions").iterdir())) == 2  # the old file is gone


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "gone", "not Parquet"])
def test_a_damaged_file_is_refused_with_one_line(corpus: Path, damage: str) -> None:
    path = next((corpus / "functions").glob("*zlib*"))
    data = path.read_bytes()
    flipped = (
        data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
    )
    made = {"cut": data[:-20], "flipped": flipped, "empty": b"", "not Parquet": b"PAR1" * 9}
    path.unlink()
    if damage in made:
        path.write_bytes(made[damage])
    with pytest.raises(
        StoreError, match=rf"zlib.*{'missing' if damage == 'gone' else 'damaged'}"
    ) as caught:
        list(store.read(corpus))
    assert len(str(caught.value).splitlines()) == 1


def test_garbage_that_the_manifest_vouches_for_is_refused_too(corpus: Path) -> None:
    path = next((corpus / "functions").glob("*zlib*"))
    path.write_bytes(b"PAR1 garbage PAR1")
    manifest = json.loads((corpus / "manifest.json").read_bytes())
    manifest["shards"][0]["sha256"] = store._file_hash(path)
    (corpus / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match="cannot read") as caught:
        list(store.read(corpus))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1', '{"format": 9}', "\xff"])
def test_a_manifest_that_is_none_is_refused(corpus: Path, text: str) -> None:
    (corpus / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(StoreError, match="ozone data build"):
        list(store.read(corpus))


def test_where_there_is_no_store_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no corpus in .*ozone data build"):
        list(store.read(tmp_path))


def test_a_writer_that_fails_leaves_the_old_store(corpus: Path) -> None:
    def failing() -> Iterator[CorpusFunction]:
        yield function(9)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write(corpus, failing(), {})
    assert list(store.read(corpus)) == CORPUS
    assert len(list((corpus / "functions").iterdir())) == 2


def test_two_do_not_write_at_once(corpus: Path) -> None:
    with store.locked(corpus), pytest.raises(StoreError, match="another process is writing"):
        store.write(corpus, [], {})
    assert list(store.read(corpus)) == CORPUS
    store.write(corpus, [], {})
    assert list(store.read(corpus)) == []


def _write_with_little_space(folder: Path) -> None:
    """As on a full disk: files may not grow beyond a few bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    random = [dataclasses.replace(one, bitcode=os.urandom(5000)) for one in CORPUS]
    with pytest.raises(StoreError, match="cannot write"):
        store.write(folder, random, {})


def test_a_full_disk_leaves_the_old_store(corpus: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(
        target=_write_with_little_space, args=(corpus,)
    )
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert list(store.read(corpus)) == CORPUS
