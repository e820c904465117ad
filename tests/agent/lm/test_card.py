"""`agent.lm.card`: what is said of a model."""

from __future__ import annotations

from agent.lm.card import model_card

NOTES = {
    "settings": {"task": "sft", "rate": 1e-3, "init": "", "parts": {"code": 0.02, "passes": 1.0}},
    "data": {"store": "f5ec", "validation": ["nettle", "qhull"], "tokens_per_line": 1.75123},
    "steps": 200, "rows": 900, "processes": 1, "commit": "abc",
}  # fmt: skip


def test_a_card_says_what_a_model_was_trained_on_and_how() -> None:
    card = model_card(NOTES, [])
    for line in (
        "# Model card: sft", "| store | f5ec |", "| validation | nettle, qhull |",
        "| tokens per line | 1.751 |", "| rate | 0.001 |", "| parts | code: 0.02, passes: 1 |",
        "| steps | 200 |", "| commit | abc |",
    ):  # fmt: skip
        assert line in card.splitlines()
    assert "init" not in card, "what was left empty"
    assert "Loss" not in card


def test_a_long_curve_is_a_few_points_from_the_first_to_the_last() -> None:
    history: list[dict[str, float]] = []
    for step in range(1, 501):
        history.append({"step": step, "loss": 500 / step})
        if step % 100 == 0:
            history.append({"step": step, "eval_loss": 600 / step})
    rows = model_card(NOTES, history).partition("## Loss")[2].splitlines()[4:]
    assert len(rows) == 12
    assert rows[0] == "| 1 | 500.000 |  |"
    assert rows[-1] == "| 500 | 1.000 | 1.200 |"
