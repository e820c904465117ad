"""From a C file, or IR, to an object that is never larger than `clang -Oz`'s.

clang reads the source and, at the end, generates code, so that every code generation option of the
user's is honoured; between the two the optimiser chooses the plan. The last word is the comparison
of two whole objects, both written by clang.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agent.compiled import Bytes, Compiled
from agent.optimise import Objective, Outcome, Settings, optimise
from envs.evaluation import Artefact, Job, Source
from envs.evaluator import Evaluator
from ir_tools import clang
from ir_tools.measure import Sizes, object_sizes


def compile_bitcode(
    source: Source,
    arguments: Sequence[str],
    settings: Settings,
    evaluator: Evaluator,
    *,
    assembly: bool = False,
) -> Compiled:
    """The best object for unoptimised bitcode; `arguments` are the user's code generation options.

    Raises OzoneError when clang or LLVM cannot compile it at all.
    """
    with tempfile.TemporaryDirectory(prefix="ozone-") as folder:
        return _compile(source, list(arguments), settings, evaluator, Path(folder), assembly)


def _compile(
    source: Source,
    arguments: list[str],
    settings: Settings,
    evaluator: Evaluator,
    folder: Path,
    assembly: bool,
) -> Compiled:
    outcome = optimise(evaluator, source, settings)
    (folder / "source.bc").write_bytes(source.data)
    plain = ["-Oz", "-Qunused-arguments"]
    baseline = _object(folder / "source.bc", [*arguments, *plain])
    chosen, image, options = folder / "source.bc", baseline, plain
    if outcome.improved:
        job = Job(source, outcome.plan, settings.target)
        (folder / "best.bc").write_bytes(evaluator.build(job, Artefact.BITCODE)[1])
        ours = _object(folder / "best.bc", [*arguments, *clang.AS_IT_IS])
        if _smaller(object_sizes(ours), object_sizes(baseline), settings.objective):
            chosen, image, options = folder / "best.bc", ours, list(clang.AS_IT_IS)
    return Compiled(
        output=_generate(chosen, [*arguments, *options], "-S") if assembly else image,
        baseline=_bytes(baseline),
        ours=_bytes(image),
        summary=_summary(outcome),
    )


def _bytes(image: bytes) -> Bytes:
    sizes = object_sizes(image)
    return Bytes(sizes.size, sizes.text, sizes.rodata, sizes.data, sizes.eh_frame)


def _smaller(ours: Sizes, baseline: Sizes, objective: Objective) -> bool:
    """Whether ours replaces `clang -Oz`'s: smaller by the objective, no byte more in flash."""
    if objective is Objective.TEXT:
        return ours.text < baseline.text and ours.size <= baseline.size
    if objective is Objective.INSTRUCTIONS:  # the optimiser has compared them
        return ours.size <= baseline.size
    return ours.size < baseline.size


def _object(bitcode: Path, arguments: list[str]) -> bytes:
    return _generate(bitcode, arguments, "-c")


def _generate(bitcode: Path, arguments: list[str], kind: str) -> bytes:
    output = bitcode.with_suffix(".out")
    argv = [*arguments, kind, "-x", "ir", str(bitcode), "-o", str(output)]
    clang.run_clang(argv).check()
    return output.read_bytes()


def _summary(outcome: Outcome) -> dict[str, object]:
    """What the optimiser did, as plain values for reports."""
    return {
        "candidates": outcome.candidates,
        "refused": dict(outcome.refused),
        "refutations": [dataclasses.asdict(each) for each in outcome.refutations],
        "failures": {str(status): count for status, count in outcome.failures.items()},
        "warnings": list(outcome.warnings),
        "functions": [
            dataclasses.asdict(choice)
            for choice in outcome.choices
            if choice.after != choice.before
        ],
    }
