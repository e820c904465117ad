"""Labels are read as they were written, or refused with one line."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anghabench.labels import Label, encode, read
from ir_tools.errors import StoreError
from ir_tools.pipeline import Pipeline
from ir_tools.plan import OZ
from tests.conftest import ROOT

numbers = st.integers(0, 2**31 - 1)
rows = st.builds(
    Label,
    id=st.integers(0, 2**64 - 1).map("{:016x}".format),
    objective=st.sampled_from(("size", "instructions")),
    rank=st.integers(0, 3),
    pipeline=st.sampled_from(("default<Oz>", "function(sroa)", "function(sroa,gvn<no-pre>)")),
    before=numbers,
    after=numbers,
    verdict=st.sampled_from(("", "proved", "tested")),
    evaluations=numbers,
)
LABEL = Label(
    id="0" * 16, objective="size", rank=0, pipeline="function(sroa)", before=9, after=7,
    verdict="proved", evaluations=200,
)  # fmt: skip


@given(st.lists(rows, max_size=9, unique_by=lambda one: (one.id, one.objective, one.rank)))
@settings(max_examples=30, deadline=None)
def test_what_is_read_is_what_was_written_in_whatever_order(
    tmp_path_factory: pytest.TempPathFactory, written: list[Label]
) -> None:
    path = tmp_path_factory.mktemp("labels") / "a.parquet"
    path.write_bytes(data := encode(written))
    assert encode(reversed(written)) == data
    read_again = list(read(path))
    assert sorted(read_again, key=repr) == sorted(written, key=repr)
    assert encode(read_again) == data


def test_a_folder_is_read_as_all_of_its_files(tmp_path: Path) -> None:
    other = dataclasses.replace(LABEL, id="1" * 16)
    (tmp_path / "b.parquet").write_bytes(encode([LABEL]))
    (tmp_path / "a.parquet").write_bytes(encode([other]))
    (tmp_path / "a.parquet.journal").write_bytes(b"not ours to read")
    assert list(read(tmp_path)) == [other, LABEL]


def test_a_folder_without_labels_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"^no labels in .*: make them with 'ozone data label'$"):
        list(read(tmp_path))


def test_labels_take_little_room() -> None:
    texts = [f"function(sroa<modify-cfg>,gvn<no-pre>,{name})" for name in ("dse", "adce", "sccp")]
    many = [
        dataclasses.replace(
            LABEL, id=f"{number * 2654435761 % 2**64:016x}", pipeline=texts[number % 3]
        )
        for number in range(30_000)
    ]
    assert len(encode(many)) < 20 * len(many)


@pytest.mark.parametrize("spoil", ["half", "bit", "empty", "text", "absent"])
def test_a_damaged_file_is_one_line(spoil: str, tmp_path: Path) -> None:
    path, data = tmp_path / "a.parquet", encode([LABEL])
    flipped = data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]
    contents = {"half": data[: len(data) // 2], "bit": flipped, "empty": b"", "text": b"id,rank\n"}
    if spoil in contents:
        path.write_bytes(contents[spoil])
    with pytest.raises(StoreError) as caught:
        list(read(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parquet_that_holds_no_labels_is_refused(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"id": ["x"]}), path)
    with pytest.raises(StoreError, match="holds no labels"):
        list(read(path))


SHIPPED = ROOT / "anghabench" / "data" / "labels"


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.parquet")), ids=lambda path: path.stem)
def test_shipped_labels_are_whole_and_none_is_worse_than_oz_or_unjudged(path: Path) -> None:
    found: dict[str, dict[str, Label]] = {}
    for row in read(path):
        assert row.after <= row.before
        if row.rank == 0:
            found.setdefault(row.id, {})[row.objective] = row
            assert (row.pipeline == OZ) == (row.verdict == "")
            assert row.verdict in ("", "proved", "bounded", "tested")
        if row.pipeline != OZ:
            Pipeline.parse(row.pipeline)
    assert len(found) > 1000
    assert all(each.keys() == {"size", "instructions"} for each in found.values())


def test_labels_are_shipped_and_small() -> None:
    sizes = [path.stat().st_size for path in SHIPPED.glob("*.parquet")]
    assert 0 < sum(sizes) <= 8 << 20
