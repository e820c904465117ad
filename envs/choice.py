"""`ozone/PipelineChoice-v0`: one action, a whole pipeline, and the episode is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium

from envs.environment import CompilerEnvironment, StepResult, action_number
from ir_tools.errors import ActionError
from ir_tools.pipeline import Pipeline
from ir_tools.plan import OZ

PIPELINES = (
    OZ,
    "default<Os>",
    "default<O1>",
    "default<O2>",
    "default<O3>",
    "globalopt,globaldce,function(function-simplification<Oz>)",
    "globalopt,globaldce,function(sroa<modify-cfg>,early-cse<memssa>,simplifycfg,"
    "instcombine<no-verify-fixpoint>,gvn,dse,adce,simplifycfg,instcombine<no-verify-fixpoint>)",
)
"""What there is to choose from where the caller brings nothing: LLVM's levels, and two without
loop transformations and inlining."""


class PipelineChoice(CompilerEnvironment):
    """An action picks one of `pipelines`, which `opt -passes=` takes: LLVM's levels by default.

    Raises PipelineError for a text that does not parse, ActionError for none at all.
    """

    def __init__(
        self, *arguments: Any, pipelines: Sequence[str] = PIPELINES, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        if not pipelines:
            raise ActionError("no pipelines to choose from")
        self.pipelines = tuple(str(Pipeline.parse(text)) for text in pipelines)
        self.action_space = gymnasium.spaces.Discrete(len(self.pipelines))

    def step(self, action: Any) -> StepResult:
        """Run a pipeline. Raises ActionError, and MisuseError where there is no episode."""
        run = self._running()
        text = self.pipelines[action_number(action, len(self.pipelines))]
        return self._finish(run, run.step((text,)), ends=True, truncated=False)
