"""The whole command on a small corpus: shown, written, drawn, resumed, refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from agent.cli import main
from anghabench import labels, store
from anghabench.labels import Label
from anghabench.store import CorpusFunction
from envs.cache import Cache

pytest.importorskip("pyarrow")
pytest.importorskip("matplotlib")

BUDGETS = (1, 4, 12)
ALL = "random,coreset,search,nvp,neighbour"
OPTIONS = ("--policy", "random,search", "--budgets", "12,1,4", "-j", "2")


@pytest.fixture
def corpus(parts: list[CorpusFunction], tmp_path: Path) -> Path:
    store.write(tmp_path / "store", sorted(parts, key=lambda part: part.project), {})
    return tmp_path / "store"


def bench(corpus: Path, tmp_path: Path, *options: str, name: str = "a.json") -> dict:
    folder = str(tmp_path / "work")
    path = tmp_path / name
    assert main(["bench", str(corpus), "-o", folder, "--json", str(path), *OPTIONS, *options]) == 0
    return dict(json.loads(path.read_text()))


def test_figures_are_shown_and_written_with_how_they_were_made(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plots = [tmp_path / f"plot.{suffix}" for suffix in ("png", "svg")]
    found = bench(corpus, tmp_path, "--policy", ALL, "--plot", str(plots[0]))
    assert plots[0].read_bytes().startswith(b"\x89PNG")
    about, points = found["about"], found["points"]
    assert about["store"] == store.manifest(corpus)["content"]
    assert (about["functions"], about["projects"], about["accept"]) == (6, 3, "tested")
    assert about["budgets"] == list(BUDGETS)
    assert about["failures"].keys() == set(ALL.split(","))
    assert "22." in about["tools"]["llvm"]
    assert [point["budget"] for point in points] == list(BUDGETS) * 5
    for point in points:
        assert point["total"]["size"] <= point["unverified"]
        assert sum(point["verdicts"].values()) == 6
    shown = capsys.readouterr().out
    assert "neighbour" in shown
    assert f"{100 * points[-1]['total']['size']:.1f}" in shown
    again = bench(corpus, tmp_path, "--policy", ALL, "--plot", str(plots[1]), name="b.json")
    assert again["points"] == points
    assert b"<svg" in plots[1].read_bytes()


def test_the_best_that_is_known_is_shown_beside_what_policies_save(
    corpus: Path, parts: list[CorpusFunction], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label = Label(
        id=parts[0].id, objective="size", rank=0, pipeline="function(adce)", before=100, after=80,
        verdict="tested", evaluations=1000,
    )  # fmt: skip
    others = {"id": "elsewhere"}, {"rank": 1}, {"objective": "instructions"}
    rows = [label, *(dataclasses.replace(label, after=1, **each) for each in others)]
    (tmp_path / "l.parquet").write_bytes(labels.encode(rows))
    options = ("--labels", str(tmp_path / "l.parquet"), "--plot", str(tmp_path / "plot.svg"))
    about = bench(corpus, tmp_path, *options)["about"]
    known_to_labels = {"functions": 1, "evaluations": 1000, "total": pytest.approx(0.2)}
    assert about["best_known"] == known_to_labels
    known = "best known: 20.0 by 1000 evaluations of each of 1 functions"
    assert known in " ".join(capsys.readouterr().out.split())
    assert "<svg" in (tmp_path / "plot.svg").read_text()
    arguments = ["bench", str(corpus), *OPTIONS, "--objective", "text", *options]
    assert main([*arguments, "-o", str(tmp_path / "work")]) == 1
    assert "has no labels for text\n" in capsys.readouterr().err


def test_no_curve_gets_worse_with_budget_nor_than_oz_by_any_objective(
    corpus: Path, tmp_path: Path
) -> None:
    for objective in ("size", "instructions"):
        points = bench(corpus, tmp_path, "--objective", objective)["points"]
        for policy in {point["policy"] for point in points}:
            own = [point for point in points if point["policy"] == policy]
            for values in ([p["total"][objective] for p in own], [p["unverified"] for p in own]):
                assert [0, *values] == sorted([0, *values])
            assert objective == "size" or all(point["total"]["size"] >= 0 for point in own)
    assert any(point["improved"] > 0 for point in points)


def test_unverified_judges_nothing(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.frontier.winners.verify", None)
    for point in bench(corpus, tmp_path, "--accept", "unverified")["points"]:
        assert point["total"]["size"] == point["unverified"]
        assert point["verdicts"].keys() <= {"unverified", "-Oz"}


def test_verdicts_are_remembered(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    puts: list[str] = []
    put = Cache.put_artefact

    def note(cache: Cache, key: str, value: bytes) -> None:
        puts.append(key)
        put(cache, key, value)

    monkeypatch.setattr(Cache, "put_artefact", note)
    first = bench(corpus, tmp_path)
    remembered = set(puts)
    puts.clear()
    assert bench(corpus, tmp_path, name="b.json")["points"] == first["points"]
    assert remembered
    assert not remembered & {*puts}  # where a judge ran out of time, another day may tell more


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--plot", "a.gif"), "cannot plot to 'a.gif': end it in .png, .svg or .pdf"),
        (("--json", "none/a.json"), "cannot write none/a.json: there is no such folder"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_measured(
    options: tuple[str, ...], message: str, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", str(corpus), *OPTIONS, *options]) == 1
    assert capsys.readouterr().err == f"ozone: error: {message}\n"


def test_a_corpus_without_held_out_functions_is_refused(
    parts: list[CorpusFunction], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training = [dataclasses.replace(part, split="train", project="one") for part in parts]
    store.write(tmp_path / "store", training, {})
    assert main(["bench", str(tmp_path / "store"), "-o", str(tmp_path / "work"), *OPTIONS]) == 1
    assert "no held-out functions in" in capsys.readouterr().err
    assert main(["bench", str(tmp_path / "none"), "-o", str(tmp_path / "work"), *OPTIONS]) == 1
    assert "no corpus in" in capsys.readouterr().err


def test_two_at_once_in_one_folder_are_refused(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with store.locked(tmp_path / "work"):
        assert main(["bench", str(corpus), "-o", str(tmp_path / "work"), *OPTIONS]) == 1
    assert "another process is writing to" in capsys.readouterr().err


@pytest.mark.parametrize("options", [("--policy", "best"), ("--budgets", "0"), ("--budgets", "a")])
def test_unknown_policies_and_budgets_are_refused(options: tuple[str, str], corpus: Path) -> None:
    with pytest.raises(SystemExit):
        main(["bench", str(corpus), *options])
