"""Compilations that crash, hang, outgrow their memory or are killed: only they are lost."""

from __future__ import annotations

import dataclasses
import os
import pickle
import re
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from envs.cache import Cache
from envs.evaluation import Artefact, Evaluation, FunctionInfo, Job, Source, Status
from envs.evaluator import Evaluator
from envs.pool import Limits
from ir_tools.apply import apply, prepare
from ir_tools.errors import InvalidModuleError, ParseError, TargetError, WorkerError
from ir_tools.llvm import Context, Module
from ir_tools.measure import give_own_sections, object_sizes, table_sizes
from ir_tools.plan import OZ, OZ_FUNCTION, Plan, canonical
from ir_tools.process import run_tool
from ir_tools.target import Target, TargetOptions

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
WORKER = "envs.worker"
SIMPLIFY = "sroa<modify-cfg>,early-cse,instcombine<no-verify-fixpoint>,simplifycfg"
FAILING = {
    "crash": "trigger-crash-function",
    "invalid output": "trigger-verifier-error",
    "invalid pipeline": "no-such-pass",
}


def functions(count: int, body: str = "") -> Source:
    """f0, f1, …: each keeps its arguments in memory, so that pipelines have something to do."""
    texts = ['target triple = "x86_64-pc-linux-gnu"']
    for index in range(count):
        texts.append(f"""
            define i32 @f{index}(i32 %a) minsize optsize {{
              %p = alloca i32
              store i32 %a, ptr %p
              %b = load i32, ptr %p
              %c = mul i32 %b, {2 * index + 3}
              {body}
              %d = load i32, ptr %p
              %e = add i32 %c, %d
              ret i32 %e
            }}""")
    return Source(f"{count}.ll", "\n".join(texts).encode())


def long_function(instructions: int) -> Source:
    """One function on which a long pipeline takes long."""
    lines = ["define i32 @long(i32 %v0, ptr %p) minsize optsize {"]
    for index in range(instructions // 3):
        lines.append(f"%w{index} = load volatile i32, ptr %p")
        lines.append(f"%x{index} = xor i32 %v{index}, %w{index}")
        lines.append(f"%v{index + 1} = mul i32 %x{index}, {2 * index + 3}")
    lines.append(f"ret i32 %v{instructions // 3} }}")
    return Source("long.ll", "\n".join(lines).encode())


ENDLESS = ",".join(["gvn"] * 50_000)
HUGE = Source("huge.ll", b"@huge = constant [900000000 x i8] zeroinitializer")  # as an object
THREE = functions(3)


def on(source: Source, default: str = SIMPLIFY, **chosen: str) -> Job:
    return Job(source, Plan(functions=canonical(chosen), default=default))


@pytest.fixture(scope="module")
def shared() -> Iterator[Evaluator]:
    """For tests that only need any evaluator; no cache."""
    with Evaluator(2) as evaluator:
        yield evaluator


def one(evaluator: Evaluator, job: Job) -> Evaluation:
    (evaluation,) = evaluator.evaluate([job])
    return evaluation


def measured_in_process(job: Job) -> Evaluation:
    """What the evaluator promises, said with LLVM's bindings alone."""
    plan = job.plan
    with Context() as context:
        module = context.parse(job.source.data, job.source.name)
        with module, Target(job.target, module) as target:
            module.run(plan.before, target)
            with module.clone() as copy:  # which orders uses anew, as reading IR again would
                for function in list(copy.defined_functions()):
                    text = dict(plan.functions).get(function.name, plan.default)
                    if text:
                        function.run(text, target)
                copy.run(plan.after, target)
                copy.verify()
                return _measure(copy, target, job.own_sections)


def measured_in_a_process_of_its_own(job: Job) -> Evaluation:
    """The same for another architecture, which changes code generation in a process for good."""
    script = """
        import pickle, sys
        from test_evaluator import measured_in_process
        job = pickle.load(sys.stdin.buffer)
        sys.stdout.buffer.write(pickle.dumps(measured_in_process(job)))
    """
    argv = [sys.executable, "-c", textwrap.dedent(script)]
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "envs")))
    env = os.environ | {"PYTHONPATH": path}
    result = run_tool(argv, timeout_s=30, stdin=pickle.dumps(job), env=env).check()
    evaluation: Evaluation = pickle.loads(result.stdout)
    return evaluation


def _measure(module: Module, target: Target, own_sections: bool) -> Evaluation:
    counts = {f.name: f.instruction_count for f in module.defined_functions()}
    tables = table_sizes(module, target) if own_sections else {}
    if own_sections:
        give_own_sections(module)
    sizes = object_sizes(module.emit_object(target), list(counts))
    return Evaluation(
        Status.OK,
        instructions=sum(counts.values()),
        text=sizes.text,
        rodata=sizes.rodata,
        data=sizes.data,
        eh_frame=sizes.eh_frame,
        functions={
            name: (sizes.symbols.get(name, 0) + tables.get(name, 0), count)
            for name, count in counts.items()
        },
    )


PLANS = {
    "nothing": Plan(),
    "Oz": Plan(before=OZ),
    "each its own": Plan(
        before="globalopt,always-inline,globaldce",
        functions=(("main", OZ_FUNCTION), ("check", "sroa,gvn"), ("fail", "")),
        default=SIMPLIFY,
        after="globaldce,constmerge",
    ),
}


@pytest.mark.parametrize("own_sections", [False, True])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_an_evaluation_is_exactly_what_llvm_measures_in_process(
    plan: Plan, own_sections: bool, examples: dict[str, Source], shared: Evaluator
) -> None:
    for name in ("vm", "json"):
        job = Job(examples[name], plan, own_sections=own_sections)
        evaluation = one(shared, job)
        assert evaluation == measured_in_process(job)
        assert evaluation.size == evaluation.text + evaluation.rodata + evaluation.data
        assert evaluation.wall_s > 0


def test_inlined_functions_are_marked_for_the_beginning_only(shared: Evaluator) -> None:
    text = """
        define internal i32 @callee(i32 %a) noinline { %b = add i32 %a, 1
          ret i32 %b }
        define internal i32 @other(i32 %a) { %b = call i32 @callee(i32 %a)
          ret i32 %b }
        define i32 @top(i32 %a) { %b = call i32 @other(i32 %a)
          ret i32 %b }
        @kept = global ptr @other
    """
    job = Job(
        Source("inline.ll", text.encode()),
        Plan(inline=("other", "not there"), before="always-inline,globaldce"),
    )
    evaluation, ir = shared.build(job, Artefact.IR)
    assert evaluation.functions.keys() == {"callee", "other", "top"}
    assert b"alwaysinline" not in ir
    assert b"call i32 @other" not in ir


def test_borrowed_bodies_are_the_lenders(examples: dict[str, Source], shared: Evaluator) -> None:
    before = "inferattrs,always-inline,globaldce"
    lender = f"inferattrs,always-inline,globaldce,function({OZ_FUNCTION})"
    alone = one(shared, Job(examples["json"], Plan(before=lender)))
    names = sorted(alone.functions)[::2]
    mixed = one(
        shared, Job(examples["json"], Plan(before=before, borrowed=tuple(names), lender=lender))
    )
    plain = one(shared, Job(examples["json"], Plan(before=before)))
    for name, measured in mixed.functions.items():
        assert measured[1] == (alone if name in names else plain).functions[name][1], name


@pytest.mark.parametrize(
    ("plan", "status", "message"),
    [
        (Plan(before="bogus"), "invalid", "pipeline 'bogus': unknown pass name 'bogus'"),
        (Plan(before="function("), "invalid", r"invalid pipeline 'function\('"),
        (Plan(after="bogus"), "invalid", "unknown pass name 'bogus'"),
        (Plan(default="globaldce"), "ok", "unknown function pass 'globaldce'"),
        (Plan(before="trigger-crash-module"), "crash", 'SIGABRT: Running pass "trigger-crash-mod'),
        (Plan(after="trigger-verifier-error"), "invalid", "invalid IR: Aliasee cannot be NULL"),
        (Plan(after="trigger-crash-module"), "crash", 'SIGABRT: Running pass "trigger-crash-mod'),
        (Plan(default="trigger-crash-function"), "ok", 'SIGABRT.*crash-function" on function "f'),
        (Plan(default="trigger-verifier-error"), "ok", "invalid IR: Terminator found in the mid"),
        (
            Plan(borrowed=("f1",), lender="trigger-crash-module"),
            "crash",
            'SIGABRT: Running pass "trigger-crash-module"',
        ),
        (Plan(before="verify,bogus"), "invalid", "unknown module pass 'bogus'"),
        (Plan(before="function(instcombine)"), "ok", "^$"),  # it converges here
    ],
)
def test_each_failure_has_its_status_and_llvms_words_and_harms_no_other_job(
    plan: Plan, status: str, message: str, shared: Evaluator
) -> None:
    jobs = [on(THREE), Job(THREE, plan), on(THREE, f1="gvn"), Job(THREE, Plan(before=OZ))]
    first, failed, *others = shared.evaluate(jobs)
    assert [first, *others] == [measured_in_process(job) for job in (jobs[0], *jobs[2:])]
    assert failed.status == status
    said = [failed.message, *(failure.message for failure in failed.failures)]
    assert re.search(message, max(said, key=len))
    assert "\n" not in "".join(said)


def test_invalid_output_that_no_function_pipeline_made_is_a_status(tmp_path: Path) -> None:
    script = """
        from envs.evaluation import Job, Source
        from envs.evaluator import Evaluator
        from ir_tools.plan import Plan
        source = Source("x.ll", b"define void @f() { ret void }")
        plan = Plan(before="function(trigger-verifier-error)")
        with Evaluator(1) as evaluator:
            print(evaluator.evaluate([Job(source, plan)]))
    """
    argv = [sys.executable, "-c", textwrap.dedent(script)]
    result = run_tool(argv, timeout_s=2, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert not result.timed_out
    assert b"Terminator found in the middle" in result.stdout


def test_a_hang_ends_at_the_limit_of_cpu_time_and_harms_no_other_job() -> None:
    long = long_function(3000)
    message = re.compile(r"more than 0\.3\d* s of CPU time")  # large modules get a little more
    with Evaluator(2, limits=Limits(cpu_s=0.3)) as evaluator:
        jobs = [on(THREE), Job(long, Plan(before=f"function({ENDLESS})")), on(THREE, f1="gvn")]
        started = time.monotonic()
        before, hung, after = evaluator.evaluate(jobs)
        assert time.monotonic() - started < 10
        assert hung.status is Status.HANG
        assert message.fullmatch(hung.message)
        assert [before, after] == [measured_in_process(job) for job in (jobs[0], jobs[2])]
        (blamed,) = one(evaluator, on(long, long=ENDLESS)).failures
        assert (blamed.function, blamed.status) == ("long", Status.HANG)
        assert message.fullmatch(blamed.message)
        assert evaluator.deaths == {Status.HANG: 2}


def test_outgrown_memory_is_a_status_and_harms_no_other_job() -> None:
    with Evaluator(2, limits=Limits(memory_bytes=300 * MIB)) as evaluator:
        before, outgrown, after = evaluator.evaluate([on(THREE), on(HUGE), on(THREE, f1="gvn")])
        assert (outgrown.status, outgrown.message) == (
            Status.OOM,
            "out of memory (limit 300 MiB)",
        )
        assert before.ok
        assert after.ok
        assert evaluator.deaths == {Status.OOM: 1}


def test_plans_that_share_a_request_share_no_failure() -> None:
    jobs = [
        on(THREE, f0=text) for text in ("gvn", "dse", "adce", "sccp", "bdce", "reassociate", "")
    ]
    jobs[2:2] = [Job(THREE, Plan(before="trigger-crash-module"))]
    jobs[5:5] = [on(THREE, f1="trigger-crash-function"), on(THREE, f2="no-such-pass")]
    with Evaluator(1) as evaluator:
        evaluations = evaluator.evaluate(jobs)
        assert evaluator.deaths == {Status.CRASH: 2}
        assert evaluator.compilations < 3 * len(jobs)
    failed = {index: [f.function for f in e.failures] for index, e in enumerate(evaluations)}
    assert {index: names for index, names in failed.items() if names} == {5: ["f1"], 6: ["f2"]}
    assert [index for index, e in enumerate(evaluations) if not e.ok] == [2]
    for index in {*range(len(jobs))} - {2, 5, 6}:
        assert evaluations[index] == measured_in_process(jobs[index])


def test_what_passes_print_is_bounded_and_harms_nothing() -> None:
    printing = [Plan(before="print," * count + "globaldce", default="gvn") for count in (1, 3000)]
    with Evaluator(1) as evaluator:
        for plan in printing * 2:
            assert one(evaluator, Job(THREE, plan)) == measured_in_process(on(THREE, "gvn"))
        (worker,) = evaluator._workers
        assert os.fstat(worker._stderr.fileno()).st_size <= 1 << 20
        assert one(evaluator, on(THREE)).ok
        assert os.fstat(worker._stderr.fileno()).st_blocks * 512 <= 8192
        assert not evaluator.deaths


def test_only_the_functions_whose_pipelines_fail_lose_them(shared: Evaluator) -> None:
    source = functions(12)
    bad = dict(zip(("f2", "f7", "f11"), FAILING.values(), strict=True))
    evaluation = one(shared, on(source, **bad))
    assert evaluation.ok
    assert {failure.function: failure.status for failure in evaluation.failures} == {
        "f2": Status.CRASH,
        "f7": Status.INVALID,
        "f11": Status.INVALID,
    }
    without = one(shared, on(source, **dict.fromkeys(bad, "")))
    assert evaluation.functions == {n: s for n, s in without.functions.items() if n not in bad}
    assert evaluation.size == without.size


FAILS_IN_CODE_GENERATION = """
    target triple = "x86_64-pc-linux-gnu"
    declare i1 @llvm.is.constant.i32(i32)
    define i32 @NAME(i32 %a) minsize optsize {
      %p = alloca i32
      store i32 3, ptr %p
      %v = load i32, ptr %p
      %known = call i1 @llvm.is.constant.i32(i32 %v)
      br i1 %known, label %yes, label %no
    yes:
      call void asm sideeffect "ASSEMBLY", ""()
      br label %no
    no:
      ret i32 %a
    }
"""


def one_of_many(count: int, assembly: str, *names: str) -> Source:
    """Many functions; the named ones reach code generation with `assembly` once simplified."""
    texts = [functions(count).data.decode()]
    for name in names:
        text = FAILS_IN_CODE_GENERATION.replace("NAME", name).replace("ASSEMBLY", assembly)
        texts.append("\n".join(text.splitlines()[3 if texts[1:] else 2 :]))
    return Source("mixed.ll", "\n".join(texts).encode())


def test_a_function_that_fails_in_code_generation_is_found_by_bisection() -> None:
    source = one_of_many(16, "nonsense", "bad")
    chosen = {**{f"f{index}": SIMPLIFY for index in range(16)}, "bad": "sroa"}
    with Evaluator(2) as evaluator:
        evaluation = one(evaluator, on(source, "", **chosen))
        (failure,) = evaluation.failures
        assert (failure.function, failure.status) == ("bad", Status.INVALID)
        assert "invalid instruction mnemonic 'nonsense'" in failure.message
        assert evaluation.functions.keys() == {f"f{index}" for index in range(16)}
        assert evaluator.compilations <= 22


def test_functions_that_fail_only_together_are_told_apart(shared: Evaluator) -> None:
    source = one_of_many(2, "twice_defined:", "left", "right")
    names = ("f0", "f1", "left", "right")
    evaluation = one(shared, on(source, "", **dict.fromkeys(names, "sroa")))
    assert evaluation.ok
    assert len({"left", "right"} & evaluation.functions.keys()) == 1
    assert all("together" in failure.message for failure in evaluation.failures)


@pytest.mark.parametrize("plan", [Plan(before="trigger-crash-module"), Plan(after="bogus")])
def test_a_failure_outside_the_functions_is_not_searched_for_in_them(
    plan: Plan, shared: Evaluator
) -> None:
    chosen = canonical({f"f{index}": "sroa" for index in range(6)})
    before = shared.compilations
    evaluation = one(shared, Job(functions(6), dataclasses.replace(plan, functions=chosen)))
    assert not evaluation.ok
    assert evaluation.failures == ()
    assert shared.compilations - before <= 3


def test_an_error_leaves_nothing_behind_in_the_worker() -> None:
    source = one_of_many(2, "nonsense", "bad")
    with Evaluator(1) as evaluator:
        for _ in range(3):
            assert one(evaluator, on(source, bad="sroa")).failures
            assert one(evaluator, Job(THREE, Plan(before="bogus"))).status == Status.INVALID
            assert one(evaluator, on(THREE)) == measured_in_process(on(THREE))


def batch(examples: dict[str, Source]) -> list[Job]:
    """Jobs of all kinds, several sources, some of them failing."""
    jobs = [Job(source, plan) for source in examples.values() for plan in PLANS.values()][:4]
    jobs += [on(functions(4), **{f"f{i}": bad}) for i, bad in enumerate(FAILING.values())]
    jobs += [Job(THREE, Plan(before="trigger-crash-module")), on(THREE, f0="bogus", f1="sroa")]
    return jobs[::2] + jobs[1::2]


def test_a_second_evaluation_costs_no_compilation_and_is_equal(
    examples: dict[str, Source], tmp_path: Path
) -> None:
    jobs = batch(examples)
    cache = Cache(tmp_path / "c.sqlite")
    with Evaluator(2, cache) as evaluator:
        first = evaluator.evaluate(jobs)
        assert evaluator.compilations >= len(jobs)
    cache.close()
    with Evaluator(2, Cache(tmp_path / "c.sqlite")) as evaluator:
        assert evaluator.evaluate(jobs) == first
        assert (evaluator.compilations, evaluator.cache_hits) == (0, len(jobs))


def test_results_depend_on_neither_the_number_of_workers_nor_the_cache(
    examples: dict[str, Source], tmp_path: Path
) -> None:
    jobs = batch(examples)
    with Evaluator(1) as evaluator:
        expected = evaluator.evaluate(jobs)
    half = Cache(tmp_path / "half.sqlite")
    with Evaluator(1, half) as evaluator:
        evaluator.evaluate(jobs[::2])
    for workers, cache in ((3, Cache(None)), (2, half)):
        with Evaluator(workers, cache) as evaluator:
            assert evaluator.evaluate(jobs) == expected
            assert evaluator.evaluate(jobs[::-1]) == expected[::-1]


def test_what_several_plans_make_measures_what_each_does_alone(
    examples: dict[str, Source],
) -> None:
    """The same IR is compiled once; sections of its own and other targets are another matter."""
    plans = [Plan(default=text) for text in ("sroa", "sroa,sroa", "sroa,gvn", "sroa", "no-op")]
    targets = (TargetOptions(), TargetOptions(triple="x86_64-apple-macosx"))
    jobs = [
        Job(examples["sha256"], plan, target, own_sections)
        for target in targets
        for own_sections in (False, True)
        for plan in plans
    ]
    with Evaluator(1) as evaluator:
        together = evaluator.evaluate(jobs)
    alone = []
    for job in jobs:
        with Evaluator(1) as evaluator:
            alone.append(one(evaluator, job))
    assert together == alone
    assert len({evaluation.size for evaluation in together}) > len(targets)


def test_what_a_result_depends_on_has_its_own_place_in_the_cache(tmp_path: Path) -> None:
    with Evaluator(1, Cache(tmp_path / "c.sqlite")) as evaluator:
        job = on(THREE)
        same = dataclasses.replace(job, source=Source(THREE.name, THREE.data))
        others = [
            dataclasses.replace(job, source=functions(4)),
            dataclasses.replace(job, plan=Plan(default="gvn")),
            dataclasses.replace(job, target=TargetOptions(cpu="skylake")),
            dataclasses.replace(job, target=TargetOptions(triple="aarch64-linux-gnu")),
            dataclasses.replace(job, own_sections=True),
        ]
        evaluator.evaluate([job])
        evaluator.evaluate([same, *others])
        assert evaluator.compilations == 1 + len(others)


def test_what_did_not_fit_a_small_limit_is_tried_again_with_a_larger_one(tmp_path: Path) -> None:
    long = on(long_function(3000), long=",".join(["gvn"] * 200))
    for limits, expected in (
        (Limits(cpu_s=0.01), Status.HANG),
        (Limits(), Status.OK),
    ):
        with Evaluator(1, Cache(tmp_path / "c.sqlite"), limits) as evaluator:
            evaluation = one(evaluator, long)
            failures = evaluation.failures
            status = failures[0].status if failures else evaluation.status
            assert status == expected


def test_a_worker_asked_for_more_modules_than_it_holds_gives_the_same_results() -> None:
    sources = [functions(count) for count in range(1, 14)]
    with Evaluator(1) as evaluator:
        jobs = [Job(source, Plan(before=before)) for source in sources for before in (OZ, "")]
        first = evaluator.evaluate(jobs)
        assert evaluator.evaluate(jobs[::-1]) == first[::-1]
        assert first[-1] == measured_in_process(jobs[-1])
        assert not evaluator.deaths


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"define i32 @f( {", ParseError, "bad.ll: not readable as LLVM IR or bitcode: bad.ll:1"),
        (b"BC\xc0\xde\x00", ParseError, "bad.ll: not readable"),
        (b"define i32 @f() { ret i32 %x }", ParseError, "undefined value '%x'"),
        (
            b"define void @f() {\n %x = add i32 %y, 1\n %y = add i32 1, 1\n ret void\n}",
            InvalidModuleError,
            "Instruction does not dominate all uses",
        ),
    ],
)
def test_a_source_that_does_not_parse_is_an_error_and_not_a_status(
    data: bytes, error: type[Exception], message: str
) -> None:
    bad = Source("bad.ll", data)
    with Evaluator(1) as evaluator:
        for call in (lambda: evaluator.evaluate([on(bad)]), lambda: evaluator.inspect(bad)) * 2:
            with pytest.raises(error, match=message) as caught:
                call()
            assert "\n" not in str(caught.value)
        assert one(evaluator, on(THREE)).ok


def test_a_source_with_a_name_that_is_not_utf_8_is_read(shared: Evaluator) -> None:
    read = one(shared, on(Source(os.fsdecode(b"caf\xe9.ll"), THREE.data))).ok
    assert read


def test_a_target_that_llvm_lacks_is_an_error(shared: Evaluator) -> None:
    job = dataclasses.replace(on(THREE), target=TargetOptions(triple="pdp11-dec-unix"))
    with pytest.raises(TargetError, match="pdp11-dec-unix"):
        one(shared, job)


@pytest.mark.parametrize("triple", ["aarch64-linux-gnu", "thumbv6m-none-eabi", "wasm32", "avr"])
def test_other_targets_are_measured_without_their_machines(triple: str, shared: Evaluator) -> None:
    source = Source("t.ll", THREE.data.replace(b"x86_64-pc-linux-gnu", triple.encode()))
    evaluation = one(shared, on(source))
    assert evaluation.ok, evaluation.message
    assert evaluation == measured_in_a_process_of_its_own(on(source))
    assert evaluation.text > 0


def test_what_was_measured_for_another_architecture_changes_nothing() -> None:
    cases = " ".join(f"i32 {i}, label %l{i}" for i in range(8))
    blocks = "\n".join(f"l{i}: call void @g(i32 {i * i}) br label %out" for i in range(8))
    text = f"""
        declare void @g(i32)
        define void @jumps(i32 %x) {{
          switch i32 %x, label %out [ {cases} ]
          {blocks}
          out: ret void
        }}"""
    jobs = [
        Job(Source("jumps.ll", text.encode()), Plan(before=before), TargetOptions(triple=triple))
        for triple, before in (("x86_64-linux-gnu", ""), ("avr", ""), ("x86_64-linux-gnu", OZ))
    ]
    with Evaluator(1) as evaluator:
        expected = evaluator.evaluate(jobs[-1:])
        evaluations = evaluator.evaluate(jobs)
        assert all(evaluation.ok for evaluation in evaluations)
        assert evaluations[-1:] == expected
        assert expected[0].rodata > 0  # a jump table
        assert not evaluator.deaths


def test_inspection_sees_what_policies_need(compile_c: Any, shared: Evaluator) -> None:
    source = compile_c("""
        static int twice(int x) { return 2 * x; }
        __attribute__((noinline)) static int noinline(int x) { return x; }
        __attribute__((optnone, noinline)) int optnone(int x) { return x; }
        int (*taken)(int) = twice;
        int top(int x) { return twice(x) + twice(x + 1) + noinline(x); }
    """)
    info = shared.inspect(source)
    assert info.triple.startswith("x86_64")
    found = {function.name: function for function in info.functions}
    assert found.keys() == {"twice", "noinline", "optnone", "top"}
    assert all(isinstance(function, FunctionInfo) for function in info.functions)
    assert {name for name, f in found.items() if f.is_local} == {"twice", "noinline"}
    assert {name for name, f in found.items() if f.may_inline} == {"twice", "top"}
    assert {name for name, f in found.items() if f.has_minsize} == {
        "twice",
        "noinline",
        "top",
        "optnone",
    }
    assert found["top"].instructions > found["twice"].instructions > 0


def test_every_artefact_is_the_evaluated_module(
    examples: dict[str, Source], shared: Evaluator
) -> None:
    job = Job(examples["fft"], PLANS["each its own"])
    evaluation = one(shared, job)
    built = {artefact: shared.build(job, artefact) for artefact in Artefact}
    assert all(measured == evaluation for measured, _ in built.values())
    sizes = object_sizes(built[Artefact.OBJECT][1])
    assert (sizes.size, sizes.text) == (evaluation.size, evaluation.text)
    read_again = []
    for artefact in (Artefact.IR, Artefact.BITCODE):
        with Context() as context, context.parse(built[artefact][1], "fft.c") as module:
            assert module.instruction_count == evaluation.instructions
            read_again.append(str(module))
    assert read_again[0] == read_again[1]
    for artefact in (Artefact.IR, Artefact.BITCODE):  # as `llc` would make an object of it
        context = Context()
        with context, context.parse(built[artefact][1]) as module, Target(module=module) as target:
            assert object_sizes(module.emit_object(target)).text == evaluation.text
    assert b"\nmain:" in built[Artefact.ASSEMBLY][1]


def test_a_build_that_crashes_is_an_error_and_the_next_one_works(shared: Evaluator) -> None:
    with pytest.raises(WorkerError, match=r"3\.ll: LLVM failed on it: SIGABRT: Running pass"):
        shared.build(Job(THREE, Plan(before="trigger-crash-module")), Artefact.IR)
    assert b"define" in shared.build(on(THREE), Artefact.IR)[1]


def test_an_empty_batch_starts_nothing(marked: Any) -> None:
    with Evaluator(2) as evaluator:
        assert evaluator.evaluate([]) == []
        assert marked.pids(WORKER) == []


def test_a_worker_that_was_killed_while_idle_is_replaced_and_blames_no_job(marked: Any) -> None:
    with Evaluator(1) as evaluator:
        expected = one(evaluator, on(THREE))
        for pid in marked.pids(WORKER):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
        assert one(evaluator, on(THREE)) == expected


def test_a_worker_that_was_killed_while_busy_is_replaced_and_the_batch_goes_on(
    marked: Any, tmp_path: Path
) -> None:
    cache = Cache(tmp_path / "c.sqlite")
    with Evaluator(1, cache, limits=Limits(cpu_s=60)) as evaluator:
        busy = Job(long_function(3000), Plan(before=f"function({ENDLESS})"))

        def kill() -> None:
            (pid,) = marked.wait_for(WORKER)
            time.sleep(0.4)
            os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        killed, other = evaluator.evaluate([busy, on(THREE)])
        killer.join()
        assert (killed.status, killed.failures) == (Status.KILLED, ())
        assert "SIGKILL" in killed.message
        assert other == measured_in_process(on(THREE))
    with Evaluator(1, cache, limits=Limits(cpu_s=0.3)) as evaluator:
        again, _ = evaluator.evaluate([busy, on(THREE)])
        assert (again.status, evaluator.cache_hits) == (Status.HANG, 1)


def test_leaving_ends_the_workers_whatever_they_do(marked: Any) -> None:
    with Evaluator(2) as evaluator:
        evaluator.evaluate([on(THREE), on(THREE, f0="gvn")])
        assert len(marked.pids(WORKER)) == 2
    marked.wait_until_gone()
    endless = Job(long_function(3000), Plan(before=f"function({ENDLESS})"))
    timer = threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt), Evaluator(1) as evaluator:
        one(evaluator, endless)
    timer.join()
    marked.wait_until_gone()


def test_a_worker_started_early_is_the_one_that_works(marked: Any) -> None:
    with Evaluator(1) as evaluator:
        evaluator.start()
        evaluator.start()
        pids = marked.wait_for(WORKER)
        assert one(evaluator, on(THREE)).ok
        assert marked.pids(WORKER) == pids


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_survives_its_parent(number: signal.Signals, marked: Any) -> None:
    script = f"""
        from envs.evaluation import Job, Source
        from envs.evaluator import Evaluator
        from ir_tools.plan import Plan
        source = Source("long.ll", {long_function(3000).data!r})
        with Evaluator(2) as evaluator:
            plans = [Plan(before="function(" + ",".join(["gvn"] * n) + ")") for n in (80000, 90000)]
            evaluator.evaluate([Job(source, plan) for plan in plans])
    """
    argv = [sys.executable, "-c", textwrap.dedent(script)]

    def interrupt() -> None:
        marked.wait_for(WORKER, 2)
        time.sleep(0.3)
        (parent,) = set(marked.pids()) - set(marked.pids(WORKER))
        os.kill(parent, number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    # Workers are in sessions of their own: run_tool's clean-up cannot be what ends them.
    result = run_tool(argv, timeout_s=30, env=os.environ | {"PYTHONPATH": str(ROOT)})
    thread.join()
    assert result.signal_name == number.name
    marked.wait_until_gone()


def resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / MIB


def test_debug_information_does_not_pile_up_in_a_worker(compile_c: Any, marked: Any) -> None:
    text = "".join(
        f"""
        struct s{i} {{ int a[{i + 1}]; struct s{i} *next; }};
        int f{i}(struct s{i} *p, int n) {{
            int sum = 0;
            for (int j = 0; j < n; j++) for (int k = 0; k <= {i}; k++) sum += p->a[k] * j;
            return sum;
        }}"""
        for i in range(12)
    )
    source = compile_c(text, "debug.c", "-g")
    passes = ("sroa", "gvn", "dse", "adce", "loop-mssa(licm)", "instcombine<no-verify-fixpoint>")
    jobs = [Job(source, Plan(default=text)) for text in passes]

    with Evaluator(1) as evaluator:
        for done in range(0, 300, len(jobs)):
            evaluator.evaluate(jobs)
            if done == 120:  # contexts have come and gone
                (pid,) = marked.pids(WORKER)
                early = resident_mib(pid)
        assert marked.pids(WORKER) == [pid]
        assert resident_mib(pid) < early + 8


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_workers_memory_is_flat(examples: dict[str, Source], marked: Any) -> None:
    plan_texts = [f"{SIMPLIFY},{extra}" for extra in ("gvn", "dse", "adce", "sccp", OZ_FUNCTION)]
    source = functions(6)
    jobs = [on(source, text, f0=extra) for text in plan_texts for extra in ("", "gvn", "bdce")]
    jobs += [Job(source, Plan(before=OZ)), on(source, f0="no-such-pass")]

    with Evaluator(1) as evaluator:
        done = 0
        while done < 4_000:
            done += len(evaluator.evaluate(jobs))
        (pid,) = marked.pids(WORKER)
        early = resident_mib(pid)
        while done < 20_000:
            done += len(evaluator.evaluate(jobs))
        assert marked.pids(WORKER) == [pid]
        assert resident_mib(pid) < 1.05 * early


def test_plans_are_the_same_in_a_worker_and_here(
    examples: dict[str, Source], shared: Evaluator
) -> None:
    plan = Plan(inline=(), before="globalopt", default=SIMPLIFY, after="constmerge")
    with Context() as context:
        module = context.parse(examples["vm"].data, "vm.c")
        with (
            module,
            Target(module=module) as target,
            prepare(module, (), plan.before, target) as prepared,
            apply(prepared, plan, target) as result,
        ):
            here = str(result)
    assert shared.build(Job(examples["vm"], plan), Artefact.IR)[1].decode() == here
