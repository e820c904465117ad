"""Training: packed examples do not see each other, and a run that was killed goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from agent.cli import main
from agent.lm import model
from agent.lm.data import Branch, Example, packed
from agent.lm.tokenizer import Marker, Vocabulary
from agent.lm.training import Settings, batch, train, weighted_loss
from ir_tools.errors import ModelError
from tests.agent.lm import tiny

torch = pytest.importorskip("torch", reason="needs ozone[train]")
pytest.importorskip("transformers", reason="needs ozone[train]")
pytest.importorskip("accelerate", reason="needs ozone[train]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny")
    tiny.write(path / "data")
    tiny.config(path)
    return path


@pytest.fixture(scope="module")
def vocabulary(folder: Path) -> Vocabulary:
    return Vocabulary.read(folder / "data" / "tokenizer.json")


def settings(folder: Path, task: str = "sft", **others: object) -> Settings:
    values = {
        "epochs": 4, "rows": 2, "length": 64, "rate": 1e-2, "bf16": False,
        "config": str(folder / "config.json"),
    }  # fmt: skip
    return Settings(task, **(values | others))  # type: ignore[arg-type]


def losses(output: Path) -> list[float]:
    lines = map(json.loads, (output / "losses.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if "loss" in line]


def test_what_is_packed_into_a_row_is_computed_as_if_it_were_alone(
    vocabulary: Vocabulary, tmp_path: Path
) -> None:
    chosen = tiny.untrained(tmp_path, vocabulary).eval()
    first = Example(Branch([5, 6, 7], [1, 1]), (Branch([7, 8, 9], [1, 1]), Branch([7, 10], [1])))
    second = Example(Branch([11, 12, 13, 14], [1, 1, 1]))
    (row,) = packed([first, second], 16, pad=0)
    with torch.no_grad():
        inputs = batch([row])
        del inputs["labels"], inputs["weights"]
        together = chosen(**inputs).logits[0]
        for number, branch, text in (
            (0, 0, [5, 6]), (0, 1, [5, 6, 7, 8]), (0, 2, [5, 6, 7]), (1, 0, [11, 12, 13]),
        ):  # fmt: skip
            here = np.flatnonzero((row.examples == number) & (row.branches == branch))
            alone = chosen(torch.tensor([text])).logits[0, -len(here) :]
            assert torch.allclose(together[here], alone, atol=1e-5)


def test_the_loss_is_a_mean_by_weight() -> None:
    logits = torch.zeros(1, 3, 4)
    logits[0, 1, 2] = 5.0
    targets, weights = torch.tensor([[0, 2, 1]]), torch.tensor([[1.0, 3.0, 0.0]])
    each = torch.nn.functional.cross_entropy(logits[0], targets[0], reduction="none")
    loss = weighted_loss(logits, targets, weights)
    assert loss.item() == pytest.approx(((each[0] + 3 * each[1]) / 4).item())


@pytest.mark.parametrize("task", ["pretrain", "sft"])
def test_a_model_learns_and_a_killed_run_goes_on_to_the_same_losses(
    task: str, folder: Path, tmp_path: Path
) -> None:
    wishes = settings(folder, task)
    figures = train(folder / "data", tmp_path / "whole", wishes, every=4)
    curve = losses(tmp_path / "whole")
    assert curve[-1] < 0.7 * curve[0]
    assert figures["eval_loss"] < curve[0]
    # What a kill after the first checkpoint leaves:
    checkpoints = sorted(
        (tmp_path / "whole").glob("checkpoint-*"), key=lambda p: int(p.name.partition("-")[2])
    )
    (tmp_path / "again").mkdir()
    shutil.copy(tmp_path / "whole" / "settings.json", tmp_path / "again")
    shutil.copytree(checkpoints[0], tmp_path / "again" / checkpoints[0].name)
    half = tmp_path / "again" / checkpoints[1].name  # which was being written
    shutil.copytree(checkpoints[1], half)
    (half / "trainer_state.json").unlink()
    (half / "optimizer.pt").write_bytes(b"")
    train(folder / "data", tmp_path / "again", wishes, every=4)
    assert losses(tmp_path / "again") == pytest.approx(curve, rel=1e-4)


def test_a_model_learns_what_is_to_be_answered(
    folder: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    train(folder / "data", tmp_path / "run", settings(folder, epochs=30), every=100)
    trained = model.load(tmp_path / "run" / "model", vocabulary).eval()
    right = 0
    for number in range(1, 10):
        code = vocabulary.code(f"add i32 $0, {number}\nret i32 ^1\n")
        prompt = [vocabulary.marker(Marker.FUNCTION), vocabulary.size(2), *code]
        with torch.no_grad():
            logits = trained(torch.tensor([[*prompt, vocabulary.marker(Marker.SMALLER)]])).logits
        right += int(logits[0, -1].argmax()) == vocabulary.passes[number % 2]
    assert right == 9
    about = model.about(tmp_path / "run" / "model")
    assert about["settings"]["epochs"] == 30
    assert about["data"] == {"vocabulary": vocabulary.fingerprint}


def test_what_is_accumulated_counts_as_if_it_were_one_step(folder: Path, tmp_path: Path) -> None:
    for name, rows, accumulate in (("one", 2, 1), ("two", 1, 2)):
        wishes = settings(folder, rows=rows, accumulate=accumulate)
        train(folder / "data", tmp_path / name, wishes, every=100)
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=0.05)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of peft's, about transformers
@pytest.mark.parametrize("tied", [True, False])
def test_adapters_are_trained_in_place_of_weights_and_then_merged(
    tied: bool, folder: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    pytest.importorskip("peft", reason="needs ozone[train]")
    first = tiny.untrained(tmp_path, vocabulary, tie_word_embeddings=tied)
    init = tmp_path / "first"
    model.save(first, vocabulary, init, {})
    wishes = settings(folder, config="", init=str(init), lora=4)
    train(folder / "data", tmp_path / "second", wishes, every=100)
    before, after = (
        model.load(init, vocabulary),
        model.load(tmp_path / "second" / "model", vocabulary),
    )
    names = {name for name, _ in after.named_parameters()}
    assert names == {name for name, _ in before.named_parameters()}
    changed = [
        name for name, weight in after.named_parameters()
        if not torch.equal(weight, before.get_parameter(name))
    ]  # fmt: skip
    assert any("q_proj" in name for name in changed)
    assert "model.embed_tokens.weight" in changed
    assert tied or "lm_head.weight" in changed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no training data in"),
        (("--init-from", "nowhere"), "cannot load the model in nowhere"),
        (("--config", "none.json"), "none.json: "),
    ],
)
def test_what_is_missing_is_said_before_it_begins(
    arguments: tuple[str, ...], message: str, folder: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    data = folder / "data"
    if not arguments:
        data = tmp_path / "data"
        shutil.copytree(folder / "data", data)
        (data / "tokens.npz").unlink()
    assert main(["train", "sft", str(data), "-o", "run", *arguments]) == 1
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_rows_without_room_for_an_answer_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"rows of 8 tokens are too short: --length \d+"):
        train(folder / "data", tmp_path / "run", settings(folder, length=8), every=100)


def test_after_a_mistake_the_same_folder_will_do(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot load the model"):
        train(folder / "data", tmp_path / "run", settings(folder, init="typo"), every=100)
    train(folder / "data", tmp_path / "run", settings(folder, epochs=1), every=100)


def test_data_of_two_preparations_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "data", tmp_path / "data")
    (tmp_path / "data" / "tokenizer.json").write_bytes(tiny.vocabulary("mul").json)
    with pytest.raises(ModelError, match="do not fit together"):
        train(tmp_path / "data", tmp_path / "run", settings(folder), every=100)


def test_another_models_own_vocabulary_must_be_in_the_data(
    vocabulary: Vocabulary, tmp_path: Path
) -> None:
    model.save(tiny.untrained(tmp_path, vocabulary), vocabulary, tmp_path / "model", {})
    (tmp_path / "model" / "ozone.json").unlink()  # as if it were not ours
    model.load(tmp_path / "model", vocabulary)
    with pytest.raises(ModelError, match="prepare --tokenizer"):
        model.load(tmp_path / "model", tiny.vocabulary("mul"))


def test_a_run_with_other_settings_is_not_gone_on_with(folder: Path, tmp_path: Path) -> None:
    train(folder / "data", tmp_path / "run", settings(folder, epochs=1), every=100)
    with pytest.raises(ModelError, match="of a run with other settings or data"):
        train(folder / "data", tmp_path / "run", settings(folder, epochs=2), every=100)


def test_a_model_of_another_vocabulary_or_cut_off_is_refused(
    vocabulary: Vocabulary, tmp_path: Path
) -> None:
    chosen = tiny.untrained(tmp_path, vocabulary)
    model.save(chosen, vocabulary, tmp_path / "model", {})
    other = tiny.trained(["ret void\n"], 650)
    with pytest.raises(ModelError, match="has another vocabulary than the data"):
        model.load(tmp_path / "model", other)
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelError, match="cannot load the model in"):
        model.load(tmp_path / "model", vocabulary)


def test_a_longer_context_is_read_by_yarn(vocabulary: Vocabulary) -> None:
    config = model.extended(model.small(vocabulary), 4096)
    assert config.max_position_embeddings == 4096
    assert config.rope_parameters["rope_type"] == "yarn"
    assert config.rope_parameters["factor"] == 4
    assert model.extended(model.small(vocabulary), 512).max_position_embeddings == model.CONTEXT
