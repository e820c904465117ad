"""The data card counts what is in the store, and says what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from anghabench import store
from anghabench.card import data_card, statistics
from tests.anghabench.test_store import CORPUS

ABOUT: dict[str, Any] = {
    "tools": {"llvm": "22.1.8"},
    "versions": {"zlib": "1.2.13"},
    "limits": {"shingle": 3, "similar": 0.7},
    "counts": {
        "modules": 4,
        "failed_modules": {"unknown type name '…'": 2},
        "functions": 9,
        "left_out": {"fewer than 3 instructions": 1},
        "removed": {"like another function": 3, "like a held-out function": 2},
        "failed_functions": {},
    },
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    store.write(tmp_path, CORPUS, ABOUT)
    return tmp_path


def test_everything_is_counted(corpus: Path) -> None:
    found = statistics(corpus)
    assert found["functions"] == 5
    assert found["splits"] == {"train": 3, "held-out": 2}
    assert found["licences"] == {"Zlib": 5}
    assert found["projects"]["debian/lua"] == {
        "split": "held-out", "licence": "Zlib", "functions": 2, "oz_size": 6,
    }  # fmt: skip
    assert found["instructions"]["≤ 10"] == 5
    assert sum(found["instructions"].values()) == 5
    assert found["marks"] == {"inline-asm": 5}
    assert found["totals"]["oz"] == {"instructions": 0 + 1 + 2 + 3 + 4, "text": 10, "size": 15}
    assert found["removed_share"] == 0.5  # five were kept, and five like them removed
    assert found["content"] == store.manifest(corpus)["content"]


def test_the_card_says_it_in_tables(corpus: Path) -> None:
    card = data_card(corpus)
    for row in (
        "| train | 3 | 60.0 % |",
        "| debian/zlib | 1.2.13 | train | Zlib | 3 | 9 |",
        "| like a held-out function | 2 | 40.0 % |",
        "| unknown type name '…' | 2 | 100.0 % |",
        "| llvm | 22.1.8 |",
    ):
        assert row in card.splitlines()
    assert "50.0 % of the functions that fit were left out as duplicates" in card
    assert "Failed functions" not in card


def test_an_empty_store_has_a_card_too(tmp_path: Path) -> None:
    store.write(tmp_path, [], {})
    assert data_card(tmp_path).startswith("# Data card\n\n0 functions of 0 projects")
