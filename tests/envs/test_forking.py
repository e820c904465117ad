"""Workers that are forks measure what spawned ones do, and die as they do.

Each test is a program of its own, as a process of tests may have threads, and must not fork.
"""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path

from ir_tools.process import run_tool

ROOT = Path(__file__).resolve().parents[2]

PROLOGUE = """
    import json, os, sys
    from envs.evaluation import Job, Source, Status
    from envs.evaluator import Evaluator
    from envs.forking import Fork, forked
    from envs.pool import Limits, spawned
    from ir_tools.plan import OZ, Plan
    from ir_tools.target import TargetOptions
    TEXT = "define i32 @NAME(i32 %a) minsize { %b = add i32 %a, 0 %c = mul i32 %b, 6 ret i32 %c }"
    SOURCE = Source("t.ll", "\\n".join(TEXT.replace("NAME", n) for n in ("one", "two")).encode())
    def plan(**pipelines):
        return Plan(functions=tuple(sorted(pipelines.items())))
"""


def printed(script: str) -> str:
    """What a program prints."""
    text = textwrap.dedent(PROLOGUE) + textwrap.dedent(script)
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    result = run_tool([sys.executable, "-c", text], timeout_s=60, env=env)
    assert not result.stderr, result.stderr.decode()
    return result.check().stdout.decode().strip()


def test_they_measure_what_spawned_workers_do_whatever_one_of_them_dies_of() -> None:
    script = """
        jobs = [
            Job(SOURCE, Plan(before=OZ)),
            Job(SOURCE, plan(one="instcombine<no-verify-fixpoint>", two="")),
            Job(SOURCE, plan(one="trigger-crash-function", two="instsimplify")),
            Job(SOURCE, plan(one="no-such-pass", two="instsimplify")),
        ]
        told = []
        for start in (spawned, forked):
            with Evaluator(2, start_worker=start) as evaluator:
                told.append((evaluator.evaluate(jobs), evaluator.deaths))
        assert told[0] == told[1], told
        print(*[[str(f.status) for f in each.failures] for each in told[1][0]])
    """
    assert printed(script) == "[] [] ['crash'] ['invalid']"


def test_one_that_must_begin_anew_is_spawned_and_goes_on() -> None:
    script = """
        triples = ("x86_64-linux-gnu", "avr", "x86_64-linux-gnu")
        options = [TargetOptions(triple=triple) for triple in triples]
        with Evaluator(1, start_worker=forked) as evaluator:
            first, other, last = evaluator.evaluate([Job(SOURCE, Plan(), each) for each in options])
            assert first.ok and first == last != other and other.ok
            print(len(evaluator.deaths))
    """
    assert printed(script) == "0"


def test_memory_is_bounded_beyond_what_the_parent_has_mapped() -> None:
    script = """
        import mmap
        held = mmap.mmap(-1, 2 << 30)  # address space alone
        with Evaluator(1, limits=Limits(memory_bytes=1 << 30), start_worker=forked) as evaluator:
            print(evaluator.evaluate([Job(SOURCE, Plan(before=OZ))])[0].status)
    """
    assert printed(script) == "ok"


def test_a_forks_end_is_told() -> None:
    script = """
        import signal, time
        def fails():
            os.close(2)  # its traceback is nobody's here
            raise ValueError
        codes = [Fork(work).wait() for work in (lambda: None, fails)]
        sleeper = Fork(lambda: time.sleep(60))
        assert sleeper.poll() is None
        sleeper.kill()
        codes += [sleeper.wait(), sleeper.poll()]
        sleeper.send_signal(signal.SIGTERM)  # and hits nobody
        print(*codes)
    """
    assert printed(script) == "0 1 -9 -9"
