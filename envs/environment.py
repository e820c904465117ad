"""What Ozone's Gymnasium environments have in common; `envs.ordering` and `envs.choice` are they.

Nothing that LLVM does to a benchmark is an exception: it ends the episode (`terminated`), and
`info` says what it was: `error_type` (`crash`, `hang`, `oom`, `killed`, `invalid`) and
`error_details`. Where judges are asked, `info["verdict"]` has their word, and a refuted change ends
the episode with `info["counterexample"]`. Both forfeit what the episode had earned: the reward
takes it back, so that the sum is the lesser of zero and what it was. What the caller does wrong is
an `OzoneError` that says what to do; after `reset` the environment is as good as new.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium

from envs.episode import Episode, Validation
from envs.evaluation import Source
from envs.observations import View
from envs.pool import Limits
from envs.rewards import RewardSum
from envs.run import STARTS, Rules, Run, Workers
from envs.significance import Timing
from envs.subject import find
from envs.validation import validate
from ir_tools.errors import ActionError, MisuseError
from ir_tools.target import TargetOptions
from ir_tools.verify.verdict import Effort

VERIFY = ("never", "episode", "step")

StepResult = tuple[Any, float, bool, bool, dict[str, Any]]


class CompilerEnvironment(gymnasium.Env[Any, Any]):
    """The base of Ozone's environments.

    benchmark          a URI, or IR as a `Source`; `reset(options={"benchmark": …})` names another
    observation_space  a name of `envs.observations`, or several for a dictionary of them
    reward_space       a name of `envs.rewards`, or a mapping of names to weights
    start              `unoptimised`, or `oz` to go on from what -Oz makes
    verify             when judges are asked: `never`, at the end of an `episode`, after each `step`
    effort             how hard they try
    timing             how hard it is measured how long the benchmark runs
    target             what code is generated for
    limits             memory of a worker, and CPU time of a step
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (Gymnasium's own way)
        "render_modes": ["ansi", "human"],
        "render_fps": 1,
    }

    def __init__(
        self,
        benchmark: str | Source = "benchmark://examples-v0/sha256#hex_decode",
        observation_space: str | Sequence[str] = "Autophase",
        reward_space: str | Mapping[str, float] = "IrInstructionCountOz",
        *,
        start: str = "unoptimised",
        verify: str = "never",
        effort: Effort = Effort(),
        timing: Timing = Timing(),
        target: TargetOptions = TargetOptions(),
        limits: Limits = Limits(cpu_s=10.0),
        render_mode: str | None = None,
    ) -> None:
        for what, chosen, known in (("start", start, STARTS), ("verify", verify, VERIFY)):
            if chosen not in known:
                raise MisuseError(f"{what}={chosen!r}: one of {', '.join(known)}")
        view, rewards = View.of(observation_space), RewardSum.of(reward_space)
        self._benchmark, self._verify, self._target = benchmark, verify, target
        self._rules = Rules(view, rewards, STARTS[start], target)
        self._workers: Workers | None = Workers(limits, effort, timing)
        self._run: Run | None = None
        self._is_over = True
        self.observation_space = view.space()
        self.render_mode = render_mode

    # --- Gymnasium ------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode.

        `options` may name a `benchmark`, for this and later episodes, and a `prefix`: pipelines
        that are run before anything is earned, without those on which LLVM fails.

        Raises UnknownBenchmarkError, BenchmarkError and whatever else a benchmark does wrong.
        """
        super().reset(seed=seed)
        options = options or {}
        if self._workers is None:
            raise MisuseError("the environment is closed: make another one")
        if self._run is not None:
            self._run.close()
        self._run, self._is_over = None, True
        self._benchmark = options.get("benchmark", self._benchmark)
        subject = find(self._benchmark)
        self._run = Run(self._workers, subject, self._rules, options.get("prefix", ()))
        self._is_over = False
        self._render_for_human()
        return self._run.observation(), self._info()

    def _finish(self, run: Run, reward: float, ends: bool, truncated: bool) -> StepResult:
        """The five values of a step that has been taken; `ends` where it was the last one."""
        asked = self._verify == "step" or (self._verify == "episode" and (ends or truncated))
        if asked and run.failure is None:
            reward += run.judge()
        terminated = ends or run.is_over
        self._is_over = terminated or truncated
        self._render_for_human()
        return run.observation(), reward, terminated, truncated and not terminated, self._info()

    def _info(self) -> dict[str, Any]:
        run, info = self.run, dict[str, Any]()
        if run.failure is not None:
            info["error_type"] = str(run.failure.status)
            info["error_details"] = run.failure.message
        if run.verdict is not None:
            info["verdict"] = str(run.verdict.kind)
            info["verdict_reason"] = run.verdict.reason
            if run.is_refuted:
                info["counterexample"] = run.verdict.counterexample
        return info

    def render(self) -> str | None:
        """The pipeline so far, what it earned, and what is known of it; printed for a `human`."""
        run = self.run
        lines = [
            f"{run.subject.uri}: {run.trajectory.pipeline}",
            f"{self._rules.rewards.name}: {run.earned:.6g}, {run.observe('IrInstructionCount')} "
            f"instructions, {run.observe('TextBytes')} bytes of text",
        ]
        if run.failure is not None:
            lines.append(f"{run.failure.status}: {run.failure.message}")
        if run.verdict is not None:
            lines.append(f"{run.verdict.kind} ({run.verdict.judge}) {run.verdict.reason}")
        text = "\n".join(lines)
        if self.render_mode == "human":
            print(text)
            return None
        return text

    def _render_for_human(self) -> None:
        if self.render_mode == "human":
            self.render()

    def close(self) -> None:
        """End the episode, and the workers where no fork needs them."""
        if self._run is not None:
            self._run.close()
        if self._workers is not None:
            self._workers.close()
        self._workers, self._run, self._is_over = None, None, True

    def __del__(self) -> None:
        if getattr(self, "_workers", None) is not None:  # forks are easily forgotten
            self.close()

    # --- what is Ozone's own --------------------------------------------------------------------

    def start(self) -> None:
        """Start the worker now, so that it loads LLVM while the caller does something else."""
        if self._workers is not None:
            self._workers.compiler.start()

    @property
    def run(self) -> Run:
        """The episode under way, or the last one. Raises MisuseError before the first `reset`."""
        if self._run is None:
            raise MisuseError("no episode: call reset() first")
        return self._run

    def _running(self) -> Run:
        """The episode, for one more step. Raises MisuseError where there can be none."""
        run = self.run
        if self._is_over:
            raise MisuseError("the episode is over: call reset()")
        return run

    def observe(self, name: str) -> Any:
        """Any observation of the present state, by its name in `envs.observations`.

        Raises MisuseError, and ObservationError where LLVM fails on it.
        """
        return self.run.observe(name)

    @property
    def episode(self) -> Episode:
        """The episode so far, as a line to replay."""
        return self.run.record()

    def validate(self, episode: Episode | None = None) -> Validation:
        """Replay an episode, this one by default, and say what does not hold.

        Raises UnknownBenchmarkError and the like where the benchmark is at fault.
        """
        run, said = self._run, episode or self.episode
        assert self._workers is not None
        here = run is not None and run.subject.uri == said.benchmark
        subject = run.subject if run is not None and here else find(said.benchmark)
        return validate(self._workers, subject, said, self._target)

    def fork(self) -> CompilerEnvironment:
        """Another environment that goes on from here; what either does is nothing to the other."""
        if self._workers is None:
            raise MisuseError("the environment is closed: make another one")
        other = copy.copy(self)
        other._workers = self._workers.share()
        other._run = self._run and self._run.fork()
        other._np_random = copy.deepcopy(self._np_random)
        return other


def action_number(action: Any, count: int) -> int:
    """The number that an action of `Discrete(count)` is. Raises ActionError."""
    try:
        number = operator.index(action)
    except TypeError:
        number = -1
    if not 0 <= number < count:
        raise ActionError(f"no action {action!r}: take one of 0 to {count - 1}")
    return number
