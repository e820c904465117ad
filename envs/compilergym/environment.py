"""`ozone-llvm-v0`: CompilerGym's environment on Ozone's service."""

from __future__ import annotations

import copy
import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from compiler_gym.datasets import Benchmark
from compiler_gym.service import ConnectionOpts
from compiler_gym.service.client_service_compiler_env import (
    ClientServiceCompilerEnv,
    ServiceMessageConverters,
)
from compiler_gym.service.proto import py_converters
from compiler_gym.spaces import Commandline

from envs.compilergym.datasets import BenchmarkFailure, OzoneDatasets, as_ours
from envs.compilergym.rewards import reward_spaces
from envs.compilergym.session import FAILURE, VERDICT
from envs.compilergym.tables import ACTIONS
from envs.environment import action_number
from envs.episode import parts
from envs.run import UNOPTIMISED
from envs.trajectory import APART
from ir_tools.errors import PipelineError

SERVICE = Path(__file__).with_name("service.py")
_ROOT = str(SERVICE.parent.parent.parent)
_DEFAULT = "benchmark://examples-v0/sha256#hex_decode"
_PIPELINES = {action.name: action.pipeline for action in ACTIONS}
_NAMES = {action.pipeline: action.name for action in ACTIONS}
_PURPOSES = {action.name: action.purpose for action in ACTIONS}
# Names of local values have no meaning and are not in the service's IR; only bitcode can lose them.
_ENDS = {
    False: ["-discard-value-names", "input.bc", "-o", "output.bc"],
    True: ["input.ll", "-S", "-o", "output.ll"],
}


class OzoneLlvmEnv(ClientServiceCompilerEnv):
    """CompilerGym's environment API over production passes of LLVM 22.

    An episode begins with the unoptimised benchmark. When LLVM crashes, hangs or makes invalid IR,
    it is over, `info` has `error_type` and `error_details`, and the reward is the forfeit; the
    service goes on. What the caller does wrong raises an OzoneError, and `reset` helps.
    """

    def __init__(
        self,
        service: str | Path = SERVICE,
        benchmark: str | Benchmark | None = None,
        datasets: Iterable[Any] = (),
        connection_settings: ConnectionOpts | None = None,
        **options: Any,
    ) -> None:
        self._ours = OzoneDatasets(datasets)
        super().__init__(
            service=service,
            benchmark=benchmark or _DEFAULT,
            rewards=options.pop("rewards", None) or reward_spaces(),
            connection_settings=_settings(connection_settings),
            service_message_converters=ServiceMessageConverters(_action_space),
            **options,
        )

    @property
    def datasets(self) -> OzoneDatasets:
        return self._ours

    @property
    def benchmark(self) -> Benchmark:
        """The benchmark; set, it is that of the next `reset`. Raises BenchmarkError and the like.

        A URI, or a `Benchmark` of CompilerGym's that contains bitcode or textual IR.
        """
        return self._benchmark_in_use

    @benchmark.setter
    def benchmark(self, wanted: Any) -> None:
        if isinstance(wanted, Benchmark):
            wanted = as_ours(wanted)
        ClientServiceCompilerEnv.benchmark.fset(self, wanted)

    def reset(self, *arguments: Any, **options: Any) -> Any:
        """Begin an episode. Raises BenchmarkError and the like where the benchmark is at fault."""
        try:
            return super().reset(*arguments, **options)
        except ValueError as error:  # how the service refuses
            raise BenchmarkFailure(str(error)) from error

    def raw_step(
        self, actions: Iterable[Any], observation_spaces: Any, reward_spaces: Any, **options: Any
    ) -> Any:
        """As CompilerGym's. Raises ActionError for what is no action, before anything is run."""
        numbers = [action_number(action, self.action_space.n) for action in actions]
        observations, rewards, done, info = super().raw_step(
            numbers, observation_spaces, reward_spaces, **options
        )
        if done and self.in_episode:  # the service lives: LLVM has failed
            info["error_type"], info["error_details"] = json.loads(self.send_param(FAILURE, ""))
            rewards = [space.reward_on_error(self.episode_reward) for space in reward_spaces]
        return observations, rewards, done, info

    def refutation(self) -> str | None:
        """A counterexample to what the passes did, where the judges find one."""
        found: str | None = json.loads(self.send_param(VERDICT, ""))
        return found

    # --- the state as text ----------------------------------------------------------------------

    def commandline(self, textformat: bool = False) -> str:
        """What makes the same IR of the benchmark's: `opt` is LLVM 22's, `opt-22` on Debian."""
        names = [self.action_space.names[action] for action in self.actions]
        pipeline = APART.join((*UNOPTIMISED, *(_PIPELINES[name] for name in names)))
        return shlex.join(["opt", f"-passes={pipeline}", *_ENDS[textformat]])

    def commandline_to_actions(self, commandline: str) -> list[int]:
        """The actions of a line that `commandline` made. Raises ValueError for any other."""
        try:
            opt, passes, *end = shlex.split(commandline)
            pipelines = parts(passes.removeprefix("-passes="))
            is_ours = opt == "opt" and end in _ENDS.values()
            if not is_ours or pipelines[: len(UNOPTIMISED)] != UNOPTIMISED:
                raise ValueError
            return [self.action_space[_NAMES[text]] for text in pipelines[len(UNOPTIMISED) :]]
        except (ValueError, KeyError, PipelineError) as error:
            raise ValueError(f"not a command line of this environment: {commandline}") from error

    @property
    def ir(self) -> str:
        """The program as textual IR."""
        text: str = self.observation["Ir"]
        return text

    def write_ir(self, path: str | Path) -> Path:
        """Write the program as textual IR; the path."""
        Path(path).write_text(self.ir)
        return Path(path)

    def write_bitcode(self, path: str | Path) -> Path:
        """Write the program as bitcode; the path."""
        Path(path).write_bytes(self.observation["Bitcode"].tobytes())
        return Path(path)


def _action_space(message: Any) -> Commandline:
    """The action space, with each pass's purpose."""
    space = py_converters.make_message_default_converter()(message)
    space.descriptions = [_PURPOSES.get(name, "") for name in space.names]
    return space


def _settings(chosen: ConnectionOpts | None) -> ConnectionOpts:
    """Settings with which the service is this Python's and this Ozone's.

    A service that cannot start now will not at the second attempt. The benchmark is sent with each
    episode: two files of one name, one after the other, are two benchmarks.
    """
    settings = copy.copy(chosen) if chosen else ConnectionOpts(init_max_attempts=1)
    settings.always_send_benchmark_on_reset = True
    settings.script_env = {**_script_env(os.environ), **settings.script_env}
    return settings


def _script_env(env: Mapping[str, str]) -> dict[str, str]:
    """The service is a script: `python3` and `envs` are found by the environment."""
    folders = {"PATH": str(Path(sys.executable).parent), "PYTHONPATH": _ROOT}
    paths = {name: [folder, env.get(name, "")] for name, folder in folders.items()}
    found = {name: os.pathsep.join(filter(None, both)) for name, both in paths.items()}
    return {**found, "PYTHONSAFEPATH": "1"}  # nothing beside the script hides a package
