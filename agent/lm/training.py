"""Training: rows of packed examples through Hugging Face's Trainer.

AdamW (0.9, 0.95, decay 0.1), warm-up, then a cosine to a tenth of the rate. What a run does depends
on its settings, its data and its seed: resumed after a kill, it goes on from its last checkpoint
over the same rows, to the same losses. On several devices, start it with `torchrun`. Needs the
`train` extra.

The run's folder has the settings as they were resolved, checkpoints, a log of losses for
TensorBoard and `losses.jsonl`, and in the end the model with its card.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import random
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.lm import data
from agent.lm.card import CARD, model_card
from agent.lm.data import Example, Examples, Parts, Row
from agent.lm.model import fresh, library, load, save
from agent.lm.tokenizer import Marker, Vocabulary
from agent.output import write_file
from ir_tools.errors import ModelError, ToolError, one_line
from ir_tools.process import run_tool

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

SETTINGS, LOSSES = "settings.json", "losses.jsonl"

_BETAS = (0.9, 0.95)
_DECAY = 0.1
_WARM_UP = 0.03  # of all steps
_LEAST_RATE = 0.1  # of the highest one
_VALIDATION_ROWS = 32
_GIT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a run's result depends on, besides the data.

    `task` is `pretrain` or `sft`; a batch is `rows` of `length` tokens, in so many `steps` for each
    update of the weights.
    """

    task: str
    epochs: float = 1.0
    rate: float = 1e-3
    rows: int = 8
    accumulate: int = 1
    length: int = 1024
    seed: int = 0
    init: str = ""  # a model's folder; from scratch where it is empty
    config: str = ""  # of a model from scratch; ours where it is empty
    lora: int = 0  # rank of adapters that are trained in place of the weights; 0 for none
    bf16: bool = True
    checkpointing: bool = False  # compute activations twice, to keep fewer
    parts: Parts = Parts()


def train(folder: Path, output: Path, settings: Settings, every: int) -> dict[str, Any]:
    """Train on the data of a folder; what is in the output goes on. Gives the last figures, where
    there are several processes in the first one alone.

    A checkpoint is written after so many steps. Raises ModelError, before anything takes long.
    """
    library()
    vocabulary = Vocabulary.read(folder / data.TOKENIZER)
    manifest = _manifest(folder, vocabulary, settings)
    _check_output(output, manifest)
    examples = Examples.read(folder / data.TOKENS)
    _check_room(examples, settings)
    model = _model(vocabulary, settings)
    rows = _rows(examples, vocabulary, settings, validation=False)
    if not rows:
        raise ModelError(f"nothing in {folder} to learn from by '{settings.task}'")
    few = _rows(examples, vocabulary, settings, validation=True)[:_VALIDATION_ROWS]
    trainer = _trainer(model, rows, few, output, settings, every)
    if trainer.is_world_process_zero() and not (output / SETTINGS).exists():
        write_file(output / SETTINGS, (json.dumps(manifest, indent=1) + "\n").encode())
    trainer.train(resume_from_checkpoint=_last_checkpoint(output))
    figures = trainer.evaluate() if few else {}
    history = trainer.state.log_history
    if not all(math.isfinite(each["loss"]) for each in history if "loss" in each):
        raise ModelError(f"the loss became infinite: see {output}; try a lower --rate")
    if trainer.is_world_process_zero():
        lines = (json.dumps(each) + "\n" for each in history)
        write_file(output / LOSSES, "".join(lines).encode())
        notes = {**manifest, "steps": trainer.state.global_step, "rows": len(rows)}
        save(_merged(trainer.model), vocabulary, output / "model", notes)
        write_file(output / "model" / CARD, model_card(notes, history).encode())
        return {**figures, "steps": trainer.state.global_step, "tokens": _tokens(rows)}
    return {}


def _manifest(folder: Path, vocabulary: Vocabulary, settings: Settings) -> dict[str, Any]:
    """All that a run depends on. Raises ModelError where the data's files do not fit together."""
    about = data.about(folder)
    if about.get("vocabulary") != vocabulary.fingerprint:
        raise ModelError(f"the files in {folder} do not fit together: 'ozone train prepare' them")
    try:
        config = json.loads(Path(settings.config).read_bytes()) if settings.config else None
    except (OSError, ValueError) as error:
        raise ModelError(f"{settings.config}: {one_line(str(error))}") from error
    return {
        "settings": dataclasses.asdict(settings),
        "config": config,
        "processes": int(os.environ.get("WORLD_SIZE", "1")),  # torchrun's
        "data": about,
        "commit": _commit(),
    }


def _check_output(output: Path, manifest: Mapping[str, Any]) -> None:
    """Make the folder. Raises ModelError where it has a run that depended on something else."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        if (output / SETTINGS).exists():
            before = json.loads((output / SETTINGS).read_bytes())
            if any(before[key] != manifest[key] for key in manifest if key != "commit"):
                raise ModelError(f"{output} is of a run with other settings or data: name another")
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"cannot use {output}: {one_line(str(error))}") from error


def _check_room(examples: Examples, settings: Settings) -> None:
    """Raises ModelError where a row has no room for a prompt and an answer."""
    if settings.task == "sft" and len(examples.answers):
        longest = (np.diff(each.starts).max() for each in (examples.code, examples.answers))
        least = int(sum(longest))
        if settings.length < least:
            raise ModelError(f"rows of {settings.length} tokens are too short: --length {least}")


def _last_checkpoint(output: Path) -> str | None:
    """The newest one that is whole: its state is written last."""
    for path in sorted(output.glob("checkpoint-*"), key=_step, reverse=True):
        with contextlib.suppress(OSError, ValueError):
            json.loads((path / "trainer_state.json").read_bytes())
            return str(path)
    return None


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _commit() -> str:
    """Of the source tree that this runs from; empty where it is not one."""
    argv = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    with contextlib.suppress(ToolError):
        return run_tool(argv, timeout_s=_GIT_TIMEOUT_S).check().stdout.decode().strip()
    return ""


def _model(vocabulary: Vocabulary, settings: Settings) -> PreTrainedModel:
    library().set_seed(settings.seed)
    if settings.lora and not settings.init:
        raise ModelError(
            "adapters are for a model that was trained before: name one by --init-from"
        )
    if not settings.init:
        config = Path(settings.config) if settings.config else None
        return fresh(vocabulary, config, settings.length)
    model = load(Path(settings.init), vocabulary, settings.length)
    return _adapted(model, settings.lora) if settings.lora else model


def _adapted(model: Any, rank: int) -> PreTrainedModel:
    """The model with adapters (LoRA: Hu et al., ICLR 2022); our tokens' embeddings are trained."""
    try:
        import peft
    except ImportError as error:
        raise ModelError("LoRA needs peft: run \"pip install '.[train]'\"") from error
    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    tied = model.config.tie_word_embeddings
    trained = [name for name, each in model.named_modules() if each in ends[: 1 if tied else 2]]
    chosen = peft.LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM",
        modules_to_save=[name.rpartition(".")[2] for name in trained], ensure_weight_tying=tied,
    )  # fmt: skip
    # With every checkpoint: and it is right, for our tokens were added.
    warnings.filterwarnings("ignore", message="Setting `save_embedding_layers`")
    return peft.get_peft_model(model, chosen)


def _merged(model: Any) -> PreTrainedModel:
    """The model with its adapters, where it has some, taken into its weights."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model


# --- rows ----------------------------------------------------------------------------------------


def _rows(
    examples: Examples, vocabulary: Vocabulary, settings: Settings, validation: bool
) -> list[Row]:
    """All rows of all epochs, in the order in which they are read."""
    pad, rows = vocabulary.marker(Marker.PAD), list[Row]()
    epochs = 1 if validation else math.ceil(settings.epochs)
    for epoch in range(epochs):
        rng = random.Random(f"{settings.seed} {epoch} {validation}")
        found: Iterator[Example]
        if settings.task == "pretrain":
            found = data.documents(examples, vocabulary, rng, validation)
        else:
            found = data.answered(examples, vocabulary, settings.parts, rng, validation)
        each = [_small(row) for row in data.packed(found, settings.length, pad)]
        left = 1.0 if validation else settings.epochs - epoch
        rng.shuffle(each)
        rows += each[: math.ceil(len(each) * min(1.0, left))]
    return rows


def _small(row: Row) -> Row:
    """The same in less memory: all rows of a run are kept."""
    types = {"tokens": np.int32, "targets": np.int32, "positions": np.int32,
             "examples": np.int16, "branches": np.int16}  # fmt: skip
    small = {name: getattr(row, name).astype(kind) for name, kind in types.items()}
    return dataclasses.replace(row, **small)


def _tokens(rows: Iterable[Row]) -> int:
    return sum(int((row.examples >= 0).sum()) for row in rows)


def batch(rows: Sequence[Row]) -> dict[str, torch.Tensor]:
    """Rows as a model takes them: `attention_mask` is what is added to the attention's logits.

    Shapes (rows, length), of the mask (rows, 1, length, length).
    """
    import torch

    def stacked(name: str, kind: torch.dtype) -> torch.Tensor:
        return torch.from_numpy(np.stack([getattr(row, name) for row in rows])).to(kind)

    example, branch = stacked("examples", torch.int32), stacked("branches", torch.int32)
    length = example.shape[1]
    seen = example[:, :, None] == example[:, None, :]
    seen &= (branch[:, None, :] == 0) | (branch[:, None, :] == branch[:, :, None])
    seen &= torch.ones(length, length, dtype=torch.bool).tril()
    mask = torch.zeros(seen.shape, dtype=torch.float32)
    mask.masked_fill_(~seen, torch.finfo(torch.float32).min)
    return {
        "input_ids": stacked("tokens", torch.int64),
        "labels": stacked("targets", torch.int64),
        "weights": stacked("weights", torch.float32),
        "position_ids": stacked("positions", torch.int64),
        "attention_mask": mask[:, None],
    }


def weighted_loss(
    logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """The mean cross entropy, by weight; `logits` of shape (rows, length, vocabulary).

    What is accumulated is the mean of such means.
    """
    import torch

    flat = torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), reduction="none"
    )
    weights = weights.flatten()
    return (flat * weights).sum() / weights.sum().clamp(min=1e-6)


# --- Hugging Face's Trainer ----------------------------------------------------------------------


def _trainer(
    model: Any, rows: list[Row], few: list[Row], output: Path, settings: Settings, every: int
) -> Any:
    import torch
    from transformers import Trainer

    if torch.cuda.device_count() > 1 and "WORLD_SIZE" not in os.environ:
        raise ModelError("start it on several devices with 'torchrun -m agent.cli train …'")

    class Weighted(Trainer):
        """Reads rows in their order, and weighs each token's loss."""

        loss_is_scaled_for_ga = False

        def compute_loss(
            self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **_: Any
        ) -> Any:
            targets, weights = inputs.pop("labels"), inputs.pop("weights")
            outputs = model(**inputs, use_cache=False)
            loss = weighted_loss(outputs.logits, targets, weights)
            return (loss, outputs) if return_outputs else loss

        def _get_train_sampler(self, dataset: Any = None) -> Any:
            return torch.utils.data.SequentialSampler(rows)

    return Weighted(
        model=model, args=_arguments(settings, output, bool(few), every), data_collator=batch,
        train_dataset=rows, eval_dataset=few or None,
    )  # fmt: skip


def _arguments(settings: Settings, output: Path, validates: bool, every: int) -> Any:
    import torch
    from transformers import TrainingArguments

    try:
        return TrainingArguments(
            output_dir=str(output),
            num_train_epochs=1,  # the rows are those of all epochs
            per_device_train_batch_size=settings.rows,
            per_device_eval_batch_size=settings.rows,
            gradient_accumulation_steps=settings.accumulate,
            learning_rate=settings.rate,
            adam_beta1=_BETAS[0],
            adam_beta2=_BETAS[1],
            weight_decay=_DECAY,
            warmup_steps=_WARM_UP,
            lr_scheduler_type="cosine_with_min_lr",
            lr_scheduler_kwargs={"min_lr_rate": _LEAST_RATE},
            bf16=settings.bf16,
            activation_checkpointing=settings.checkpointing,
            disable_tqdm=not sys.stderr.isatty(),
            seed=settings.seed,
            # A divisor, so that a run that goes on from a checkpoint logs the same.
            logging_steps=math.gcd(every, max(1, every // 10)),
            logging_nan_inf_filter=False,
            save_steps=every,
            save_total_limit=2,
            eval_strategy="steps" if validates else "no",
            eval_steps=every,
            prediction_loss_only=True,
            report_to=_reports(),
            remove_unused_columns=False,
            dataloader_num_workers=0,
            use_cpu=not torch.cuda.is_available(),
        )
    except (ValueError, ImportError) as error:  # no bf16 there, no accelerate
        raise ModelError(f"{one_line(str(error))} (--fp32 does without bf16)") from error


def _reports() -> list[str]:
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        return []
    return ["tensorboard"]
