"""A whole experiment in a folder: learn, play on held-out functions, judge, report.

What it leaves there: `settings.json`; `model.zip` and `curve.jsonl` of the training;
`outcomes.jsonl`, a line for each episode; `report.md` and `chart.png`. Killed, it goes on where it
was, and with more steps it learns on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.baselines import methods, ppo
from agent.baselines.comparison import compare
from agent.baselines.environment import encoded, ordering
from agent.baselines.judging import judge, winners
from agent.baselines.methods import Episodes, Outcome
from agent.baselines.report import chart, markdown
from agent.baselines.tasks import Task, draw
from agent.output import write_file
from ir_tools.errors import OzoneError

BUDGETS = (10, 30, 150, 600)  # steps for each function
_MEASURED = {
    "text": ("TextBytes", "text_bytes"),
    "instructions": ("IrInstructionCount", "instructions"),
}
_ALWAYS = ("oz", "random")  # what the others are compared with

Player = Callable[[Task], Iterable[Outcome]]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What an experiment is; a folder goes on with the same one alone.

    train, held_out    folders of harvested bitcode; None for Ozone's examples
    functions          how many to train on, and how many held-out ones to play on
    objective          what methods are to make small: `text` or `instructions`
    episode_steps      of each episode; a budget that pays for none has no row
    seed               of everything random
    """

    train: Path | None = None
    held_out: Path | None = None
    functions: tuple[int, int] = (50, 60)
    objective: str = "text"
    episode_steps: int = 10
    seed: int = 0

    @property
    def observed(self) -> str:
        """The objective, as environments call it."""
        return _MEASURED[self.objective][0]

    @property
    def field(self) -> str:
        """The objective, as an outcome calls it."""
        return _MEASURED[self.objective][1]

    @property
    def episodes(self) -> Episodes:
        """Those that the largest budget pays for."""
        return Episodes(max(BUDGETS) // self.episode_steps, self.episode_steps)


def run(folder: Path, settings: Settings, steps: int, chosen: Sequence[str], say: Say) -> str:
    """Carry it out with random search and the `chosen` methods, `ppo` after so many steps of
    training; the report.

    Raises OzoneError where the folder is another experiment's, or a library is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder / "settings.json", settings)
    learned, held_out = draw(settings.train, settings.held_out, settings.functions, settings.seed)
    say(f"{len(learned)} functions to learn on, {len(held_out)} held out")
    if "ppo" in chosen:
        _train(folder, settings, learned, steps, say)
    _play_all(folder, settings, held_out, chosen, say)
    outcomes = _judge_all(folder, settings, held_out, say)
    rows = compare(outcomes, settings.field, BUDGETS)
    text = markdown(rows, outcomes)
    write_file(folder / "report.md", text.encode())
    if "ppo" in chosen:
        chart(folder / "chart.png", ppo.read_curve(folder), rows, settings.field)
    return text


def _claim(path: Path, settings: Settings) -> None:
    said = json.dumps(dataclasses.asdict(settings), default=str, indent=1) + "\n"
    if path.exists() and path.read_text() != said:
        raise OzoneError(f"{path} is of another experiment: take a new folder")
    write_file(path, said.encode())


def _train(folder: Path, settings: Settings, tasks: Sequence[Task], steps: int, say: Say) -> None:
    learning = ppo.Learning(settings.observed, settings.episode_steps, settings.seed)
    for point in ppo.train(tasks, folder, learning, steps):
        say(f"step {point.steps}: {settings.objective} {point.against_oz:.4f} of -Oz's")
        others = [one for one in read(folder) if one.method != "ppo"]
        _write(folder, others)  # what an earlier policy played


def _play_all(
    folder: Path, settings: Settings, tasks: Sequence[Task], chosen: Sequence[str], say: Say
) -> None:
    """Let each method play on each function where it has not yet."""
    outcomes = read(folder)
    done = {(one.method, one.function) for one in outcomes}
    with contextlib.ExitStack() as stack:
        players = _players(folder, settings, chosen, stack)
        for number, task in enumerate(tasks, 1):
            for name in [name for name in players if (name, task.source.name) not in done]:
                outcomes += players[name](task)
                _write(folder, outcomes)
            say(f"played on {number} of {len(tasks)} functions")


def _players(
    folder: Path, settings: Settings, chosen: Sequence[str], stack: contextlib.ExitStack
) -> Mapping[str, Player]:
    episodes, seed = settings.episodes, settings.seed
    env = ordering(settings.observed)
    stack.enter_context(contextlib.closing(env))
    players: dict[str, Player] = {
        "oz": lambda task: [methods.oz(env, task)],
        "random": lambda task: methods.random_search(env, task, episodes, seed),
        "greedy": lambda task: methods.greedy(env, task, BUDGETS),
    }
    players = {name: player for name, player in players.items() if name in (*_ALWAYS, *chosen)}
    if "ppo" in chosen:
        seen = encoded(settings.observed, settings.episode_steps)
        stack.enter_context(contextlib.closing(seen))
        start = ppo.policy(folder)
        players["ppo"] = lambda task: methods.play(
            "ppo", seen, task, episodes, start(seed + zlib.crc32(task.source.name.encode()))
        )
    return players


def _judge_all(folder: Path, settings: Settings, tasks: Sequence[Task], say: Say) -> list[Outcome]:
    """All outcomes, the best of them with verdicts; the file has them as well.

    Where the best is refuted, the next best has its turn.
    """
    outcomes = read(folder)
    while new := [one for one in winners(outcomes, settings.field) if not one.verdict]:
        for number, judged in enumerate(judge(new, tasks), 1):
            outcomes = [judged.get(one, one) for one in outcomes]
            _write(folder, outcomes)
            say(f"judged {number} of {len(tasks)} functions")
    return outcomes


def read(folder: Path) -> list[Outcome]:
    """The outcomes so far."""
    path = folder / "outcomes.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [_outcome(**json.loads(line)) for line in lines]


def _write(folder: Path, outcomes: Iterable[Outcome]) -> None:
    write_file(folder / "outcomes.jsonl", "".join(map(_line, outcomes)).encode())


def _outcome(passes: Sequence[str], **fields: Any) -> Outcome:
    return Outcome(passes=tuple(passes), **fields)


def _line(one: Outcome) -> str:
    return json.dumps(dataclasses.asdict(one)) + "\n"
