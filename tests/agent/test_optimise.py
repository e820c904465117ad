"""The plan that is chosen: never worse, the same every time, and what the author asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent import policy as policies
from agent.optimise import Objective, Outcome, Settings, optimise
from agent.policy import Proposals
from envs.cache import Cache
from envs.evaluation import Artefact, FunctionInfo, Job, Source, Status
from envs.evaluator import Evaluator
from ir_tools.errors import OzoneError, PipelineError
from ir_tools.llvm import Context, Module
from ir_tools.pipeline import Pipeline
from ir_tools.plan import OZ, Plan
from ir_tools.symbols import Function, Linkage

POLICIES = ("coreset", "random", "search")


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluator]:
    """Shared, with a cache: baselines are measured once."""
    path = tmp_path_factory.mktemp("cache") / "c.sqlite"
    with Evaluator(2, Cache(path)) as shared:
        yield shared


def check_never_worse(outcome: Outcome, settings: Settings) -> None:
    objective = settings.objective
    assert outcome.evaluation.ok
    assert outcome.evaluation.size <= outcome.baseline.size
    before, after = objective.of(outcome.baseline), objective.of(outcome.evaluation)
    assert after < before if outcome.improved else after == before
    assert outcome.candidates <= settings.budget


@pytest.mark.timeout(300)  # a busy machine takes half of it
@pytest.mark.parametrize("policy", POLICIES)
def test_no_example_gets_worse_and_most_get_smaller(
    policy: str, examples: Mapping[str, Source], evaluator: Evaluator
) -> None:
    settings = Settings(budget=3, policy=policy)
    improved = 0
    for source in examples.values():
        outcome = optimise(evaluator, source, settings)
        check_never_worse(outcome, settings)
        improved += outcome.improved
    assert improved > len(examples) / 2


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("objective", list(Objective))
@pytest.mark.parametrize("policy", POLICIES)
def test_no_example_gets_worse_with_a_large_budget(
    policy: str, objective: Objective, examples: Mapping[str, Source], evaluator: Evaluator
) -> None:
    settings = Settings(budget=20, policy=policy, objective=objective)
    improved = 0
    for source in examples.values():
        outcome = optimise(evaluator, source, settings)
        check_never_worse(outcome, settings)
        improved += outcome.improved
    assert improved > len(examples) / 2 or objective is Objective.INSTRUCTIONS


@pytest.mark.parametrize("objective", list(Objective))
def test_the_objective_is_what_gets_smaller(
    objective: Objective, examples: Mapping[str, Source], evaluator: Evaluator
) -> None:
    settings = Settings(budget=4, objective=objective)
    outcome = optimise(evaluator, examples["tinyfs"], settings)
    check_never_worse(outcome, settings)
    assert outcome.improved
    assert sum(c.after for c in outcome.choices) < sum(c.before for c in outcome.choices)


def test_the_outcome_is_what_building_the_plan_gives(
    examples: Mapping[str, Source], evaluator: Evaluator
) -> None:
    for budget in (3, 8):
        outcome = optimise(evaluator, examples["fft"], Settings(budget=budget))
        built, _ = evaluator.build(Job(examples["fft"], outcome.plan), Artefact.OBJECT)
        assert built == outcome.evaluation


def test_the_baseline_is_oz(examples: Mapping[str, Source], evaluator: Evaluator) -> None:
    outcome = optimise(evaluator, examples["fft"], Settings(budget=0))
    (expected,) = evaluator.evaluate([Job(examples["fft"], Plan(before=OZ))])
    assert outcome.plan == Plan(before=OZ)
    assert outcome.baseline == outcome.evaluation == expected
    assert not outcome.improved
    assert outcome.candidates == 0


@pytest.mark.parametrize("policy", ["coreset", "search"])
@pytest.mark.parametrize("budget", [1, 5, 9, 20])
def test_a_budget_bounds_what_is_compiled(policy: str, budget: int, compile_c: Any) -> None:
    with Evaluator(1) as counting:
        source = compile_c(AUTHORS_WISHES)
        outcome = optimise(counting, source, Settings(budget=budget, policy=policy))
        assert 0 < outcome.candidates <= budget
        # the baseline's and the result's own come on top
        assert counting.compilations <= budget + 2 + sum(outcome.failures.values())


@pytest.mark.parametrize("policy", ["coreset", "search"])
def test_the_outcome_depends_on_neither_workers_nor_cache(
    policy: str, compile_c: Any, tmp_path: Path
) -> None:
    settings = Settings(budget=12, policy=policy)
    source = compile_c(AUTHORS_WISHES)
    with Evaluator(1) as alone:
        expected = optimise(alone, source, settings)
    cache = Cache(tmp_path / "c.sqlite")
    with Evaluator(2, cache) as cold:
        assert optimise(cold, source, settings) == expected
    with Evaluator(2, cache) as warm:
        assert optimise(warm, source, settings) == expected
        assert warm.compilations == 0


AUTHORS_WISHES = """
    #include <stdio.h>
    static inline __attribute__((always_inline)) int always(int x) {
      int s = 0; for (int i = 0; i < x; i++) s += i * x; return s;
    }
    static __attribute__((noinline)) int never(int x) { return x + 1; }
    __attribute__((optnone, noinline)) int raw(int x) { int y = x; int z = y * 2; return z + y; }
    __attribute__((section(".mine"))) int placed(int x) { return x * 3; }
    __attribute__((visibility("hidden"))) int hidden(int x) { return x * 5; }
    __attribute__((weak)) int weak(int x) { return x * 7; }
    __attribute__((used)) static int used(int x) { return x * 9; }
    __attribute__((naked, noinline)) int bare(int x) { __asm__("movl %edi, %eax\\n ret"); }
    __attribute__((cold, noinline)) void failed(const char *why) { puts(why); }
    __attribute__((section(".data.mine"), used)) static int cell = 3;
    static int helper(int x) { return always(x) + never(x); }
    int top(int x) {
      if (x < 0) failed("negative");
      return helper(x) + always(x + 1) + raw(x) + placed(x) + hidden(x) + weak(x) + bare(x) + cell;
    }
    int other(int x) { return helper(x) * helper(x + 2) - never(x) + placed(x); }
"""


@pytest.fixture(scope="module")
def wishes(compile_c: Any, evaluator: Evaluator) -> Iterator[tuple[Module, Module]]:
    """A module that states wishes, as -Oz and as the chosen plan leave it."""
    source = compile_c(AUTHORS_WISHES)
    outcome = optimise(evaluator, source, Settings(budget=12))
    assert outcome.improved, "or the test shows nothing"
    with Context() as context:
        texts = [
            evaluator.build(Job(source, plan), Artefact.IR)[1]
            for plan in (Plan(before=OZ), outcome.plan)
        ]
        with context.parse(texts[0], "oz") as oz, context.parse(texts[1], "ours") as ours:
            yield oz, ours


def body(module: Module, name: str) -> str:
    """A function's instructions, without the numbers of attribute groups and metadata."""
    found = re.search(rf"^define [^\n]*@{name}\([^\n]*\{{\n(.*?)^\}}", str(module), re.M | re.S)
    assert found, f"{name} is gone"
    return re.sub(r"[#!]\d+", "", found[1])


def get(module: Module, name: str) -> Function:
    function = module.function(name)
    assert function is not None, f"{name} is gone"
    return function


def test_always_inline_is_inlined_and_noinline_is_not(wishes: tuple[Module, Module]) -> None:
    _, ours = wishes
    assert ours.function("always") is None
    assert "@always(" not in str(ours)
    assert str(ours).count("@never(") >= 2
    for name in ("never", "raw", "failed"):
        assert get(ours, name).has_attribute("noinline")


def test_optnone_and_naked_bodies_are_untouched(wishes: tuple[Module, Module]) -> None:
    oz, ours = wishes
    for name in ("raw", "bare"):
        assert body(ours, name).replace("tail ", "") == body(oz, name).replace("tail ", "")
    assert body(ours, "raw").count("alloca") == 3


def test_sections_visibility_linkage_and_attributes_are_ozs(
    wishes: tuple[Module, Module],
) -> None:
    oz, ours = wishes
    for line in str(oz).splitlines():
        if line.startswith("define"):
            name = line.partition("@")[2].partition("(")[0]
            mine = next(x for x in str(ours).splitlines() if f"@{name}(" in x and "define" in x)
            for word in ('section ".mine"', "hidden", "weak", "internal", "dso_local"):
                assert (word in line) == (word in mine), (name, word)
    assert get(ours, "weak").linkage is Linkage.WEAK_ANY
    assert get(ours, "used").linkage is Linkage.INTERNAL
    assert 'section ".data.mine"' in str(ours)
    for name in ("top", "other", "hidden"):
        assert get(ours, name).has_attribute("minsize")
        assert not get(ours, name).has_attribute("alwaysinline")
    assert {f.name for f in ours.defined_functions() if not f.linkage.is_local} == {
        f.name for f in oz.defined_functions() if not f.linkage.is_local
    }


class Scripted:
    """Proposes what it is told for each function, the same for the others."""

    adaptive = False
    reads_part = False

    def __init__(self, default: list[str], **special: list[str]) -> None:
        self._default, self._special = default, special
        self.parts: dict[str, bytes] = {}

    def propose(self, function: FunctionInfo, budget: int) -> Proposals:
        self.parts[function.name] = function.part
        for text in self._special.get(function.name, self._default)[:budget]:
            yield Pipeline.parse(f"function({text})" if text else "")


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Registers a scripted policy."""

    def register(policy: Any) -> None:
        monkeypatch.setattr(
            policies, "POLICIES", {**policies.POLICIES, "scripted": lambda terms: policy}
        )

    return register


GOOD = "sroa<modify-cfg>,early-cse,simplifycfg,instcombine<no-verify-fixpoint>"


def test_the_empty_pipeline_is_a_candidate_like_any_other(
    scripted: Any, examples: Mapping[str, Source]
) -> None:
    scripted(Scripted([""]))
    settings = Settings(budget=4, policy="scripted")
    with Evaluator(2) as evaluator:
        outcome = optimise(evaluator, examples["inflate"], settings)
    check_never_worse(outcome, settings)
    assert not outcome.failures
    assert outcome.candidates == 1
    assert not outcome.refused, "nothing has changed that could be refused"


def test_a_policy_that_crashes_llvm_costs_only_what_it_crashes(
    scripted: Any, examples: Mapping[str, Source]
) -> None:
    source = examples["tinyfs"]
    with Evaluator(2) as evaluator:
        (oz,) = evaluator.evaluate([Job(source, Plan(before=OZ))])
        names = sorted(oz.functions)  # what -Oz does not inline away gets proposals
        good = [GOOD, f"{GOOD},gvn", f"{GOOD},dse"]
        bad = dict.fromkeys(names[::3], ["trigger-crash-function"] * 3)
        bad[names[1]] = ["trigger-verifier-error", "no-such-pass", GOOD]
        scripted(Scripted(good, **bad))
        settings = Settings(budget=4, policy="scripted")
        outcome = optimise(evaluator, source, settings)
        check_never_worse(outcome, settings)
        assert outcome.failures[Status.CRASH] >= 3
        assert outcome.failures[Status.INVALID] >= 2
        assert outcome.improved
        assert not {c.pipeline for c in outcome.choices} & {"trigger-crash-function"}
        evaluator.build(Job(source, outcome.plan), Artefact.OBJECT)


def test_a_policy_that_does_nothing_but_crash_is_survived(
    scripted: Any, compile_c: Any, evaluator: Evaluator
) -> None:
    source = compile_c(KERNEL)
    scripted(Scripted(["trigger-crash-function"] * 2))
    settings = Settings(budget=2, policy="scripted")
    outcome = optimise(evaluator, source, settings)
    check_never_worse(outcome, settings)
    assert outcome.failures[Status.CRASH] == 4
    evaluator.build(Job(source, outcome.plan), Artefact.OBJECT)


# Inlined into `host`, the loop is one that `instcombine` gives up on; and `wide` should be inlined.
CRASHES_ONCE_INLINED = """
    int ext(int);
    static unsigned inner(unsigned n) {
      for (unsigned h = 1; (h >> 8) == 0; h *= 2) n += ext(h);
      return n;
    }
    unsigned host(unsigned n) { return inner(n) + inner(n + 1); }
    static int wide(int p, int q) { if ((p ^ q) > 1) { MANY } return p; }
    int first(int a) { return wide(a, a ^ 1); }
    int second(int a) { return wide(a + 3, (a + 3) ^ 1); }
""".replace("MANY", "".join(f"ext({i}); " for i in range(80)))


@pytest.fixture
def crashing_once_inlined(scripted: Any, compile_c: Any, evaluator: Evaluator) -> Outcome:
    scripted(Scripted([GOOD] * 9, host=["sroa<modify-cfg>,instcombine"] * 9))
    settings = Settings(budget=12, policy="scripted")
    outcome = optimise(evaluator, compile_c(CRASHES_ONCE_INLINED), settings)
    check_never_worse(outcome, settings)
    assert outcome.improved
    return outcome


def test_the_chosen_plan_can_be_built_even_if_its_evaluation_had_failures(
    crashing_once_inlined: Outcome, compile_c: Any, evaluator: Evaluator
) -> None:
    job = Job(compile_c(CRASHES_ONCE_INLINED), crashing_once_inlined.plan)
    built, _ = evaluator.build(job, Artefact.OBJECT)
    assert built.size == crashing_once_inlined.evaluation.size


def test_a_crash_is_no_reason_to_inline(crashing_once_inlined: Outcome) -> None:
    assert "inner" not in crashing_once_inlined.plan.inline


def test_a_policy_without_proposals_is_no_failure(
    scripted: Any, examples: Mapping[str, Source], evaluator: Evaluator
) -> None:
    scripted(Scripted([]))
    settings = Settings(budget=3, policy="scripted")
    check_never_worse(optimise(evaluator, examples["sha256"], settings), settings)


def test_missing_minsize_is_warned_of_and_other_baselines_are_not(
    compile_c: Any, evaluator: Evaluator
) -> None:
    text = "int f(int x) { return x * 2; } int g(int x) { return f(x) + 1; }"
    with_minsize = compile_c(text)
    assert optimise(evaluator, with_minsize, Settings(budget=0)).warnings == ()
    without = Source("plain.ll", b"define i32 @f() { ret i32 1 }\ndefine i32 @g() { ret i32 2 }")
    (warning,) = optimise(evaluator, without, Settings(budget=0)).warnings
    assert "2 of 2 functions lack the minsize attribute" in warning
    assert "clang -Oz -Xclang -disable-llvm-passes" in warning
    other = Settings(budget=0, baseline="default<O2>")
    assert optimise(evaluator, without, other).warnings == ()


def test_functions_that_are_not_to_be_optimised_need_no_minsize(
    compile_c: Any, evaluator: Evaluator
) -> None:
    text = (
        "__attribute__((optnone, noinline)) int raw(int x) { return x; }\nint g(void) { return 1; }"
    )
    assert optimise(evaluator, compile_c(text), Settings(budget=0)).warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "; a comment",
        "@g = global i32 3",
        "declare i32 @f()\n@p = constant ptr @f",
        'module asm ".globl x\\0Ax:"',
    ],
)
def test_modules_without_functions_are_written_as_oz_would(text: str, evaluator: Evaluator) -> None:
    outcome = optimise(evaluator, Source("empty.ll", text.encode()), Settings())
    assert not outcome.improved
    assert outcome.warnings == ()
    assert outcome.candidates == 0


def test_functions_with_odd_names_and_shapes_are_optimised(evaluator: Evaluator) -> None:
    text = r"""
        define i32 @"a b\22c,d(e)"(i32 %x) minsize optsize { %p = alloca i32
          store i32 %x, ptr %p
          %y = load i32, ptr %p
          ret i32 %y }
        define internal i32 @"\FF\FE"(i32 %x) minsize optsize { %y = call i32 @"\FF\FE"(i32 %x)
          ret i32 %y }
        define i32 @0(i32 %x) minsize optsize { %y = call i32 @"\FF\FE"(i32 %x)
          ret i32 %y }
        define void @never() minsize optsize noreturn { unreachable }
        define linkonce_odr i32 @once(i32 %x) minsize optsize comdat { ret i32 %x }
        $once = comdat any
        @alias = alias i32 (i32), ptr @"a b\22c,d(e)"
    """
    settings = Settings(budget=8)
    outcome = optimise(evaluator, Source("odd.ll", text.encode()), settings)
    check_never_worse(outcome, settings)
    evaluator.build(Job(Source("odd.ll", text.encode()), outcome.plan), Artefact.BITCODE)


def test_a_baseline_that_does_not_compile_is_an_error(evaluator: Evaluator) -> None:
    source = Source("f.ll", b"define void @f() minsize { ret void }")
    with pytest.raises(OzoneError, match=r"f\.ll: invalid: .*unknown pass name 'bogus'") as caught:
        optimise(evaluator, source, Settings(baseline="bogus"))
    assert not isinstance(caught.value, PipelineError)
    with pytest.raises(OzoneError, match=r"f\.ll: crash: SIGABRT"):
        optimise(evaluator, source, Settings(baseline="trigger-crash-module"))


def test_an_unknown_policy_is_an_error(evaluator: Evaluator) -> None:
    source = Source("f.ll", b"define void @f() minsize { ret void }")
    with pytest.raises(OzoneError, match="unknown policy 'best'"):
        optimise(evaluator, source, Settings(policy="best"))


@pytest.mark.parametrize("target", ["aarch64-linux-gnu", "thumbv6m-none-eabi", "riscv32", "wasm32"])
def test_other_targets_are_never_worse(target: str, compile_c: Any) -> None:
    source = compile_c(KERNEL, "k.c", f"--target={target}", "-ffreestanding")
    settings = Settings(budget=6)
    with Evaluator(2) as evaluator:
        outcome = optimise(evaluator, source, settings)
        check_never_worse(outcome, settings)


KERNEL = """
    typedef unsigned int u32;
    static u32 rotate(u32 x, int n) { return (x << n) | (x >> (32 - n)); }
    void mix(u32 *state, const u32 *input, int n) {
      u32 a = state[0], b = state[1];
      for (int i = 0; i < n; i++) {
        a += rotate(b ^ input[i], 7) + 0x9e3779b9u;
        b += rotate(a ^ input[i & 3], 13);
        if (a == b) a = ~a;
      }
      state[0] = a; state[1] = b;
    }
    int classify(int c) {
      switch (c) {
      case 'a': return 11; case 'b': return 23; case 'c': return 35; case 'd': return 41;
      case 'e': return 53; case 'f': return 67; case 'g': return 71; default: return -1;
      }
    }
"""


INLINED = """
static int square(int x) { int y = x * x; return y; }
int first(int x) { return square(x) + 1; }
int second(int x) { return first(x) + square(x); }
"""


def test_policies_that_read_parts_get_what_pipelines_will_run_on_and_others_nothing(
    scripted: Any, compile_c: Any
) -> None:
    source = compile_c(INLINED)
    policy = Scripted([GOOD])
    scripted(policy)
    settings = Settings(budget=4, policy="scripted")
    with Evaluator(1) as evaluator:
        first = optimise(evaluator, source, settings)
        assert set(policy.parts.values()) == {b""}
        policy.reads_part = True
        check_never_worse(again := optimise(evaluator, source, settings), settings)
        assert again == first
    assert policy.parts.keys() == {"first", "second"}
    for name, part in policy.parts.items():
        with Context() as context, context.parse(part, name) as module:
            assert [function.name for function in module.defined_functions()] == [name]
            assert "mul nsw i32" in str(module), "square is inlined"
            assert "call i32 @first" in str(module) or name == "first"


def test_nvp_serves_the_optimiser(examples: Mapping[str, Source], evaluator: Evaluator) -> None:
    for policy in ("nvp", "neighbour"):
        settings = Settings(budget=5, policy=policy, accept=None)
        outcome = optimise(evaluator, examples["inflate"], settings)
        check_never_worse(outcome, settings)
        assert outcome.improved
