"""The options of each command. Imports nothing that is slow."""

from __future__ import annotations

import functools
import math
import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import NoReturn

from agent.names import (
    ACCEPT,
    AUTOTUNERS,
    BASELINES,
    DEFAULT_POLICY,
    OBJECTIVES,
    POLICIES,
    SAMPLERS,
)

_LEVELS = ("O0", "O1", "O2", "O3", "Os", "Oz")


def add_search(parser: ArgumentParser, budget: int = 10) -> None:
    add = parser.add_argument
    add(
        "--budget",
        type=int,
        default=budget,
        metavar="N",
        help=f"candidate compilations for each module (default {budget})",
    )
    add(
        "--policy",
        default=DEFAULT_POLICY,
        choices=POLICIES,
        help=f"who proposes pipelines (default {DEFAULT_POLICY})",
    )
    add(
        "--objective",
        default="size",
        choices=OBJECTIVES,
        help="what to make smaller (default size: bytes in flash)",
    )
    add("--seed", type=int, default=0, metavar="N", help="of the random choices (default 0)")
    add("--experimental", action="store_true", help="also passes outside LLVM's own pipelines")
    add(
        "--accept",
        choices=ACCEPT,
        help="the weakest verdict that will do (default tested; proved with --experimental)",
    )
    add("-j", "--jobs", type=_count, metavar="N", help="worker processes (default: all cores)")
    add("--json", type=Path, metavar="FILE", help="write everything to this file")  # fmt: skip


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f"{text} is less than 1")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise ArgumentTypeError(f"{text} is not above 0")
    return number


def add_opt(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("input", nargs="?", default="-", metavar="IN", help=".ll or .bc file, - for stdin")
    add("-o", dest="output", default="-", metavar="OUT", help="output file, - for stdout")
    add("-S", dest="text", action="store_true", help="write textual IR")
    baseline = parser.add_mutually_exclusive_group()
    baseline.add_argument("-passes", "--passes", metavar="P", help="the baseline, as opt's")
    for level in _LEVELS:
        baseline.add_argument(
            f"-{level}", dest="passes", action="store_const", const=f"default<{level}>",
            help=f"the same as -passes='default<{level}>'",
        )  # fmt: skip
    add_search(parser)
    add("--target-triple", "-mtriple", default="", help="overrides the module's")
    add("--target-cpu", "-mcpu", default="", help="for functions that name none")
    add("--target-features", "-mattr", default="", help="for functions that name none")
    add(
        "--relocation-model",
        "-relocation-model",
        default="default",
        help="default, static, pic, or module: what clang noted in it",
    )
    add("--timeout", type=float, default=30.0, metavar="S", help="CPU time for a candidate")
    add("--memory", type=int, default=4096, metavar="MIB", help="for each worker")
    add("-q", "--quiet", action="store_true", help="no summary on stderr")  # fmt: skip


def add_tune(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="C, .ll or .bc files")
    parser.add_argument("-o", dest="output", type=Path, metavar="DIR", help="for the objects")
    parser.add_argument("--cflags", default="", help="options for clang, in one string")
    add_search(parser)


def add_demo(parser: ArgumentParser) -> None:
    add_search(parser, budget=20)


def add_report(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="what OZONE_REPORT named during the build")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")


def add_verify(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("source", type=Path, metavar="SRC", help=".ll or .bc file, - for stdin")
    add(
        "target",
        nargs="?",
        type=Path,
        metavar="TGT",
        help="default: SRC has @src and @tgt, or @src1 and @tgt1 …",
    )
    add("--function", metavar="F", help="this one of both files (default: all that both define)")
    add("--src-fn", metavar="F", help="of the source")
    add("--tgt-fn", metavar="F", help="of the target")
    add("--unroll", type=_count, default=4, metavar="K", help="times for loops (default 4)")
    add("--timeout", type=float, default=10.0, metavar="S", help="for each judge (default 10)")
    add("--runs", type=_count, default=64, metavar="N", help="inputs to run (default 64)")
    add("--seed", type=int, default=0, metavar="N", help="of the inputs (default 0)")
    add("--json", action="store_true", help="verdicts for machines")
    add("--alive-tv", metavar="PATH", help="one more judge (default: alive-tv on the PATH)")
    add("-j", "--jobs", type=_count, metavar="N", help="worker processes (default: all cores)")
    setattr(parser, "error", functools.partial(_bad_usage, parser))  # noqa: B010 - 2 is a verdict


def add_fuzz(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help=".ll or .bc files, or folders of them")
    add(
        "-o",
        dest="output",
        type=Path,
        metavar="DIR",
        help="a report on each finding goes there, and what was tried, not to try it again",
    )
    add("--pipelines", type=_count, default=20, metavar="N", help="for each function (default 20)")
    add("--pipeline", metavar="P", help="this one, instead of random ones")
    add("--most-instructions", type=_count, default=60, metavar="N", help="of a function")
    add("--experimental", action="store_true", help="also passes outside LLVM's own pipelines")
    add(
        "--reduce",
        type=float,
        default=60.0,
        metavar="S",
        help="time for llvm-reduce on each finding, 0 for none (default 60)",
    )
    add("--unroll", type=_count, default=4, metavar="K", help="times for loops (default 4)")
    add("--timeout", type=float, default=10.0, metavar="S", help="for each judge (default 10)")
    add("--seed", type=int, default=0, metavar="N", help="of all random choices (default 0)")
    add("-j", "--jobs", type=_count, metavar="N", help="worker processes (default: all cores)")


def _bad_usage(parser: ArgumentParser, message: str) -> NoReturn:
    parser.print_usage(sys.stderr)
    parser.exit(3, f"{parser.prog}: error: {message}\n")


def add_harvest(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=Path, help="archives, builds and bitcode go here")
    add("recipes", nargs="*", metavar="RECIPE", help="which programs (default: all)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--role", choices=("train", "held-out"), help="only programs of this role")
    which.add_argument("--set", choices=("smoke",), help="three programs that take minutes")
    add("--timeout", type=float, default=1800.0, metavar="S", help="for each build (default 1800)")
    add("--disk", type=_count, default=4096, metavar="MIB", help="for each build (default 4096)")
    add("-j", "--jobs", type=_count, metavar="N", help="of make (default: all cores)")


def add_build(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("folders", nargs="*", type=Path, metavar="FOLDER", help="what `ozone data harvest` filled")
    add("-o", dest="store", type=Path, required=True, metavar="STORE", help="the corpus")
    add("--anghabench", type=Path, metavar="PATH", help="a checkout, or a tar archive of one")
    add("--tsvc", type=Path, metavar="PATH", help="a checkout, or a tar archive of one")
    add("--polybench", type=Path, metavar="PATH", help="a checkout of PolyBench/C")
    add("--cbench", type=Path, metavar="PATH", help="a checkout of cBench")
    add("--csmith", type=_count, metavar="N", help="the programs of so many seeds")
    add("--examples", action="store_true", help="the programs that come with Ozone")
    add("-j", "--jobs", type=_count, metavar="N", help="worker processes (default: all cores)")


def add_stats(parser: ArgumentParser) -> None:
    parser.add_argument("store", type=Path, metavar="STORE", help="the corpus")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to this file")


def add_show(parser: ArgumentParser) -> None:
    parser.add_argument("store", type=Path, metavar="STORE", help="the corpus")
    parser.add_argument("id", metavar="ID", help="of the function, or the beginning of it")


def add_coreset(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=Path, help="where `ozone data harvest` put the bitcode")
    add("-o", dest="output", type=Path, required=True, metavar="FILE", help="the list to write")
    add("--modules", type=int, default=18, metavar="N", help="of each program, at most")
    add("--rounds", type=int, default=1, metavar="N", help="each from the last one's coreset")
    add("--search-budget", type=int, default=70, metavar="N", help="for each module and round")
    add("--pool", type=int, default=200, metavar="N", help="pipelines measured on all modules")
    add("--size", type=int, default=30, metavar="N", help="pipelines in the list")
    add("--seed", type=int, default=0, metavar="N", help="of the random choices")
    add("-j", "--jobs", type=_count, metavar="N", help="worker processes (default: all cores)")


def add_baselines(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=Path, help="the experiment's own; what was begun there goes on")
    add("--train", type=Path, metavar="DIR", help="harvested bitcode (default: five examples)")
    add("--held-out", type=Path, metavar="DIR", help="the same (default: three other examples)")
    add("--functions", type=_count, default=50, metavar="N", help="to train on (default 50)")
    add("--held-out-functions", type=_count, default=60, metavar="N", help="default 60")
    add(
        "--methods",
        nargs="*",
        default=BASELINES,
        choices=BASELINES,
        help="beside random search (default all; ppo needs ozone[rl])",
    )
    add(
        "--objective",
        default="text",
        choices=[one for one in OBJECTIVES if one != "size"],
        help="what is to be small (default text)",
    )
    add("--steps", type=_count, default=100_000, metavar="N", help="of training (default 100000)")
    add("--episode", type=_count, default=10, metavar="N", help="steps of one (default 10)")
    add("--seed", type=int, default=0, metavar="N", help="of everything random (default 0)")


def add_label(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("store", type=Path, metavar="STORE", help="where `ozone data build` put the functions")
    add("-o", dest="output", type=Path, required=True, metavar="FILE", help="the labels to write")
    add(
        "--budget",
        type=_count,
        default=200,
        metavar="N",
        help="candidates for each function, besides minimisation (default 200)",
    )
    add("--split", choices=("train", "held-out"), help="only these functions (default: all)")
    add("--known", type=Path, metavar="PATH", help="none that has labels in this file or folder")
    add("--seed", type=int, default=0, metavar="N", help="of the random choices (default 0)")
    add("--experimental", action="store_true", help="also passes outside LLVM's own pipelines")
    add("-j", "--jobs", type=_count, metavar="N", help="worker processes (default: all cores)")
    add("--ray", metavar="ADDRESS", help="run on this Ray cluster instead")
    add("--json", type=Path, metavar="FILE", help="write a summary to this file")  # fmt: skip


def add_prepare(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("store", type=Path, help="a corpus, of which only the training split is read")
    add("--labels", type=Path, metavar="PATH", help="what 'ozone data label' wrote: file or folder")
    add("--tokenizer", type=Path, metavar="FILE", help="of the model to start from, if not ours")
    add("-o", dest="output", type=Path, required=True, metavar="DATA", help="what to write")
    add("-j", "--jobs", type=_count, metavar="N", help="worker processes (default: all cores)")


def add_train(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("data", type=Path, help="what 'ozone train prepare' wrote")
    add(
        "-o", dest="output", type=Path, required=True, metavar="RUN", help="begun there, it goes on"
    )
    add("--epochs", type=_positive, default=1.0, metavar="X", help="times the data (default 1)")
    add("--rate", type=_positive, default=1e-3, metavar="X", help="of learning (default 1e-3)")
    add("--rows", type=_count, default=8, metavar="N", help="of one step on a device (default 8)")
    add("--accumulate", type=_count, default=1, metavar="N", help="steps of one update (default 1)")
    add("--length", type=_count, default=1024, metavar="N", help="tokens of a row (default 1024)")
    add("--seed", type=int, default=0, metavar="N", help="of everything random (default 0)")
    begins = parser.add_mutually_exclusive_group().add_argument
    begins("--init-from", default="", metavar="DIR", help="any causal LM (default: from scratch)")
    begins("--config", default="", metavar="FILE", help="of a model from scratch (default: ours)")
    add("--lora", type=_count, default=0, metavar="RANK", help="train adapters, not the weights")
    add("--fp32", action="store_true", help="compute in 32 bits, not in bf16")
    add("--checkpointing", action="store_true", help="less memory, more time")
    add(
        "--every", type=_count, default=100, metavar="N", help="steps of a checkpoint (default 100)"
    )


def add_export(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("model", type=Path, help="the folder 'model' of a run")
    add(
        "-o",
        dest="output",
        type=Path,
        required=True,
        metavar="DIR",
        help="what OZONE_MODEL is to name",
    )


def add_evaluate(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("model", type=Path, help="what 'ozone train export' wrote")
    add("store", type=Path, help="a corpus, of which only the held-out split is read")
    add("--functions", type=_count, metavar="N", help="a sample of so many (default: all)")
    add("--seed", type=int, default=0, metavar="N", help="of the sample (default 0)")
    add("--json", type=Path, metavar="FILE", help="write the figures to this file")
    add("-j", "--jobs", type=_count, metavar="N", help="worker processes (default: all cores)")


def add_nvp(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("store", type=Path, help="a corpus, of which only the training split is read")
    add("-o", dest="output", type=Path, required=True, metavar="FILE", help="what to write (.npz)")
    add("--functions", type=_count, default=2000, metavar="N", help="to measure pipelines on")
    add("--searched", type=_count, default=500, metavar="N", help="to search for themselves")
    add("--search-budget", type=_count, default=100, metavar="N", help="for each of those")
    add("--pool", type=_count, default=300, metavar="N", help="pipelines measured on all functions")
    add("--size", type=_count, default=100, metavar="N", help="pipelines in the coreset")
    add("--seed", type=int, default=0, metavar="N", help="of the random choices")
    add("-j", "--jobs", type=_count, metavar="N", help="worker processes (default: all cores)")


def add_bench(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("store", type=Path, help="a corpus, of which only the held-out split is read")
    add(
        "--policy",
        type=functools.partial(_names, choices=(*POLICIES, *AUTOTUNERS, *SAMPLERS)),
        default=("random", "coreset", "search", "nvp", "neighbour", "nevergrad", "lm"),
        metavar="P,P…",
        help=f"of {', '.join((*POLICIES, *AUTOTUNERS, *SAMPLERS))} (default: all of "
        "Ozone's own but oz, and nevergrad)",
    )
    add(
        "--budgets",
        type=_counts,
        default=(1, 5, 10, 30, 100, 300, 1000),
        metavar="N,N…",
        help="pipelines for each function (default 1,5,10,30,100,300,1000)",
    )
    add("--functions", type=_count, metavar="N", help="a sample of so many (default: all)")
    add("--objective", default="size", choices=OBJECTIVES, help="what to make smaller")
    add("--accept", default="tested", choices=ACCEPT, help="the weakest verdict that will do")
    add("--seed", type=int, default=0, metavar="N", help="of all random choices (default 0)")
    add("--labels", type=Path, metavar="PATH", help="of the same functions: the best that is known")
    add("--json", type=Path, metavar="FILE", help="the figures, and how they were made")
    add("--plot", type=Path, metavar="FILE", help=".png, .svg or .pdf")
    add(
        "-o",
        dest="folder",
        type=Path,
        default=Path("frontier"),
        metavar="DIR",
        help="for what was measured; an interrupted run goes on from there (default: frontier)",
    )
    add("-j", "--jobs", type=_count, metavar="N", help="worker processes (default: all cores)")


def _names(text: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in choices:
            raise ArgumentTypeError(f"'{name}' is none of {', '.join(choices)}")
    return names


def _counts(text: str) -> tuple[int, ...]:
    return tuple(map(_count, text.split(",")))
