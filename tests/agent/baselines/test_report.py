"""The table and the chart."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.baselines.comparison import Ratio, Row
from agent.baselines.methods import Outcome
from agent.baselines.ppo import Point
from agent.baselines.report import chart, markdown

RATIO = Ratio(0.95, 0.9, 1.0)
ROWS = [Row(method, 30, RATIO, RATIO, RATIO) for method in ("random", "ppo")]


def test_the_table_has_a_row_for_each_method_and_the_verdicts() -> None:
    judged = [Outcome("ppo", "f", 30, (), 1, 1, verdict) for verdict in ("proved", "refuted", "")]
    text = markdown(ROWS, judged)
    interval = "0.9500 (0.9000–1.0000)"
    assert f"| 30 | ppo | {interval} | {interval} | {interval} |" in text
    assert "- ppo: 1 proved, 1 refuted\n" in text


def test_the_chart_is_a_small_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs ozone[rl]")
    curve = [Point(steps, 1 - steps / 1000, 9, 1.0, 0.5, 1.0) for steps in range(0, 100, 10)]
    chart(tmp_path / "chart.png", curve, ROWS, "text_bytes")
    picture = (tmp_path / "chart.png").read_bytes()
    assert picture[:4] == b"\x89PNG"
    assert 5_000 < len(picture) < 100_000
