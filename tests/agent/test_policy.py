"""Proposals: within the budget, the same every time, and all of them run."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import pytest

from agent import names
from agent.nvp import shipped
from agent.policy import POLICIES, Policy, Terms, atoms, coreset, make_policy
from envs.evaluation import FunctionInfo, Job, Source
from envs.evaluator import Evaluator
from ir_tools.errors import OzoneError
from ir_tools.passes import BY_NAME, FUNCTION_SCOPES, Trust
from ir_tools.pipeline import Pipeline
from ir_tools.plan import Plan

BUDGETS = (0, 1, 3, 12, 40)
NAMES = sorted(POLICIES.keys() - {"lm"})  # which reads a function's code: tests.agent.lm
SMALL = Source(
    "small.ll",
    b"""
    define i32 @f(i32 %n, ptr %q) minsize optsize {
    entry:
      %i = alloca i32
      store i32 0, ptr %i
      br label %loop
    loop:
      %a = load i32, ptr %i
      %p = getelementptr i32, ptr %q, i32 %a
      %x = load i32, ptr %p
      %y = mul i32 %x, %n
      store i32 %y, ptr %p
      %b = add i32 %a, 1
      store i32 %b, ptr %i
      %more = icmp slt i32 %b, %n
      br i1 %more, label %loop, label %done
    done:
      %r = load i32, ptr %i
      switch i32 %r, label %two [ i32 0, label %one
                                  i32 1, label %two ]
    one:
      ret i32 7
    two:
      ret i32 %r
    }""",
)


@pytest.fixture(scope="module")
def info() -> FunctionInfo:
    with Evaluator(1) as evaluator:
        (found,) = evaluator.inspect(SMALL).functions
        return found


def proposals(policy: Policy, function: FunctionInfo, budget: int) -> Iterator[Pipeline]:
    """Everything proposed, by a made-up cost with failures in it."""
    generator = policy.propose(function, budget)
    costs: Iterator[float | None] = itertools.cycle([40.0, None, 35.0, 38.0])
    cost = None
    while True:
        try:
            yield generator.send(cost)
        except StopIteration:
            return
        cost = next(costs)


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("name", NAMES)
def test_the_budget_is_kept(name: str, budget: int, info: FunctionInfo) -> None:
    count = len(list(proposals(make_policy(name), info, budget)))
    assert count <= budget
    if name in ("random", "search"):
        assert count == budget
    if name == "coreset":
        assert count == min(budget, len(coreset()))
    if name in ("nvp", "neighbour"):
        assert count == min(budget, len(shipped().pipelines))
    if name == "oz":
        assert count == 0


@pytest.mark.parametrize("name", ["random", "search"])
def test_the_same_seed_and_function_give_the_same_proposals_and_others_do_not(
    name: str, info: FunctionInfo
) -> None:
    first = list(proposals(make_policy(name, Terms(1)), info, 30))
    assert list(proposals(make_policy(name, Terms(1)), info, 30)) == first
    assert list(proposals(make_policy(name, Terms(2)), info, 30)) != first
    policy = make_policy(name, Terms(1))
    list(proposals(policy, info, 5))
    assert list(proposals(policy, info, 30)) == first, "a policy remembers nothing"


def test_other_functions_get_other_random_proposals(info: FunctionInfo) -> None:
    other = dataclasses.replace(info, name="g")
    policy = make_policy("random")
    assert list(proposals(policy, info, 9)) != list(proposals(policy, other, 9))


@pytest.mark.parametrize("trust", list(Trust))
@pytest.mark.parametrize("name", NAMES)
def test_proposals_are_function_pipelines_of_the_trust_that_was_asked_for(
    name: str, trust: Trust, info: FunctionInfo
) -> None:
    seen = set()
    for pipeline in proposals(make_policy(name, Terms(trust=trust)), info, 60):
        assert Pipeline.parse(str(pipeline)) == pipeline
        assert pipeline.function_text
        for atom in pipeline.atoms():
            assert atom.scope in FUNCTION_SCOPES
            row = BY_NAME.get(atom.text.partition("<")[0])
            seen.add(row.trust if row else None)
    assert seen <= {Trust.PRODUCTION, trust, *([None] if name != "random" else [])}
    if trust is Trust.EXPERIMENTAL and name in ("random", "search"):
        assert trust in seen


@pytest.mark.parametrize("name", ["random", "search", "coreset", "nvp", "neighbour"])
def test_proposals_run_through_llvm(name: str, info: FunctionInfo) -> None:
    plans = [Plan(default=str(each)) for each in proposals(make_policy(name), info, 60)]
    with Evaluator(2) as evaluator:
        for evaluation in evaluator.evaluate([Job(SMALL, plan) for plan in plans]):
            assert evaluation.ok
            assert not [f for f in evaluation.failures if f.status == "invalid"]


def test_adaptive_policies_say_so() -> None:
    adaptive = {name for name in NAMES if make_policy(name).adaptive}
    assert adaptive == {"search"}


def test_the_coreset_has_no_duplicates_and_enough_for_the_default_budget() -> None:
    pipelines = coreset()
    assert len(set(map(str, pipelines))) == len(pipelines) >= 10


def test_every_line_of_the_coreset_compiles_a_program(examples: dict[str, Source]) -> None:
    source = examples["sha256"]
    with Evaluator(2) as evaluator:
        jobs = [Job(source, Plan(default=str(pipeline))) for pipeline in coreset()]
        for job, evaluation in zip(jobs, evaluator.evaluate(jobs), strict=True):
            assert (evaluation.ok, evaluation.failures) == (True, ()), job.plan.default


def test_the_atoms_are_production_passes_unless_more_is_asked_for() -> None:
    production, experimental = atoms(), atoms(Trust.EXPERIMENTAL)
    assert set(production) < set(experimental)
    assert len(production) == len(set(production)) > 40


def test_the_command_line_knows_every_policy() -> None:
    assert tuple(POLICIES) == names.POLICIES


def test_an_unknown_policy_is_named_with_those_known() -> None:
    with pytest.raises(OzoneError, match="unknown policy 'best': one of oz, random, coreset"):
        make_policy("best")
