"""A model's card: what it was trained on, how, and how its loss fell.

After Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019), as far as a run knows of
itself: what the model is worth is for `ozone bench` to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

CARD = "MODEL_CARD.md"

_POINTS = 12  # of the curve


def model_card(notes: Mapping[str, Any], history: Sequence[Mapping[str, float]]) -> str:
    """Markdown; `notes` as a model's `ozone.json` has them, `history` as Hugging Face's Trainer."""
    settings = {key: value for key, value in notes["settings"].items() if value != ""}
    parts = [
        f"# Model card: {settings['task']}",
        "A decoder that reads a function's IR and writes LLVM pass pipelines for it.",
        *_table("Data", notes["data"]),
        *_table("Settings", settings),
        *_table("Run", {key: notes[key] for key in ("steps", "rows", "processes", "commit")}),
        *_curve(history),
    ]
    return "\n".join(parts) + "\n"


def _table(title: str, values: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n## {title}\n"
    yield "|  |  |\n| --- | --- |"
    for name, value in values.items():
        yield f"| {name.replace('_', ' ')} | {_text(value)} |"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_text(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _curve(history: Sequence[Mapping[str, float]]) -> Iterator[str]:
    """The loss on what was trained on, and the newest one by then on the validation projects."""
    logged = [each for each in history if "loss" in each]
    evaluated = [each for each in history if "eval_loss" in each]
    if not logged:
        return
    yield "\n## Loss\n"
    yield "| step | training | validation |\n| --- | --- | --- |"
    chosen = {n * (len(logged) - 1) // (_POINTS - 1) for n in range(_POINTS)}
    for each in (logged[index] for index in sorted(chosen)):
        known = [one["eval_loss"] for one in evaluated if one["step"] <= each["step"]]
        validation = f"{known[-1]:.3f}" if known else ""
        yield f"| {each['step']} | {each['loss']:.3f} | {validation} |"
