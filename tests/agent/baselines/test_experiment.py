"""A whole experiment, small: what is left in its folder, and how it goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.baselines.experiment import Settings, read, run
from agent.baselines.judging import winners
from ir_tools.errors import OzoneError

SMALL = Settings(functions=(2, 1), episode_steps=30)


def test_an_experiment_is_reported_and_goes_on_where_it_was(clang: str, tmp_path: Path) -> None:
    said: list[str] = []
    first = run(tmp_path, SMALL, 0, [], said.append)
    assert "| 600 | random |" in first
    assert "greedy" not in first
    before = read(tmp_path)
    assert len(before) == 1 + 20
    both = run(tmp_path, SMALL, 0, ["greedy"], said.append)
    assert (tmp_path / "report.md").read_text() == both
    after = read(tmp_path)
    assert after[: len(before)] == before
    assert {one.method for one in after[len(before) :]} == {"greedy"}
    best = list(winners(after, SMALL.field))
    assert len(best) == 2
    assert all(one.verdict for one in best)


def test_a_folder_is_one_experiments_alone(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(json.dumps({"seed": 1}))
    with pytest.raises(OzoneError, match="another experiment"):
        run(tmp_path, SMALL, 0, [], lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]
