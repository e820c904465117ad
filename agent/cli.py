"""The `ozone` command line.

argparse, and imports inside the commands: `ozone opt` stands where `opt` stood in a build, and must
start as fast.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from agent.names import OBJECTIVES, POLICIES
from ir_tools.errors import OzoneError
from ir_tools.process import unwinding

if TYPE_CHECKING:
    from agent.optimise import Settings
    from envs.evaluator import Evaluator

_INTERRUPTED = 130  # what a shell reports for SIGINT
_MIB = 1 << 20
_OVERHEAD_S = 10.0  # for what is not the judges' own work
_LEVELS = ("O0", "O1", "O2", "O3", "Os", "Oz")
_COMPLETION_VARIABLE = "_ARGCOMPLETE"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code. Expected errors are one line on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["cc"]:  # everything after it is clang's, --help too
        from agent.cc import main as compile_main

        return compile_main(given[1:])
    parser = _parser()
    if _COMPLETION_VARIABLE in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
    options = parser.parse_args(given)
    return unwinding(lambda: _run(options))


def _run(options: Namespace) -> int:
    try:
        code: int | None = options.run(options)
        return code or 0
    except OzoneError as error:
        print(f"ozone: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ozone: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains once more at its end
        return 1


def opt_main() -> int:
    """`ozone-opt`: the same as `ozone opt`."""
    return main(["opt", *sys.argv[1:]])


def _parser() -> ArgumentParser:
    parser = ArgumentParser("ozone", description="Smaller programs than clang -Oz's, never worse.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, add, run in _COMMANDS:
        lines = (run.__doc__ or "").splitlines()
        command = commands.add_parser(name, help=lines[0], description=lines[0], allow_abbrev=False)
        command.set_defaults(run=run)
        add(command)
    return parser


# --- options -----------------------------------------------------------------------------------


def _add_search(parser: ArgumentParser, budget: int = 10) -> None:
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
        default="coreset",
        choices=POLICIES,
        help="who proposes pipelines (default coreset)",
    )
    add(
        "--objective",
        default="size",
        choices=OBJECTIVES,
        help="what to make smaller (default size: bytes in flash)",
    )
    add("--seed", type=int, default=0, metavar="N", help="of the random choices (default 0)")
    add("--experimental", action="store_true", help="also passes outside LLVM's own pipelines")
    add("-j", "--jobs", type=_count, metavar="N", help="worker processes (default: all cores)")
    add("--json", type=Path, metavar="FILE", help="write everything to this file")  # fmt: skip


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f"{text} is less than 1")
    return number


def _add_opt(parser: ArgumentParser) -> None:
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
    _add_search(parser)
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


def _add_tune(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="C, .ll or .bc files")
    parser.add_argument("-o", dest="output", type=Path, metavar="DIR", help="for the objects")
    parser.add_argument("--cflags", default="", help="options for clang, in one string")
    _add_search(parser)


def _add_demo(parser: ArgumentParser) -> None:
    _add_search(parser, budget=20)


def _add_report(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="what OZONE_REPORT named during the build")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")


def _add_verify(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("source", type=Path, metavar="SRC", help=".ll or .bc file, - for stdin")
    add("target", nargs="?", type=Path, metavar="TGT", help="default: @src and @tgt are in SRC")
    add("--function", metavar="F", help="this one of both files (default: all that both define)")
    add("--src-fn", metavar="F", help="of the source")
    add("--tgt-fn", metavar="F", help="of the target")
    add("--unroll", type=_count, default=4, metavar="K", help="times for loops (default 4)")
    add("--timeout", type=float, default=10.0, metavar="S", help="for each judge (default 10)")
    add("--runs", type=_count, default=64, metavar="N", help="inputs to run (default 64)")
    add("--seed", type=int, default=0, metavar="N", help="of the inputs (default 0)")
    add("--json", action="store_true", help="verdicts for machines")
    add("-j", "--jobs", type=_count, metavar="N", help="worker processes (default: all cores)")
    setattr(parser, "error", functools.partial(_bad_usage, parser))  # noqa: B010 - 2 is a verdict


def _add_fuzz(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help=".ll or .bc files")
    add("-o", dest="output", type=Path, metavar="DIR", help="a folder for each finding")
    add("--pipelines", type=_count, default=20, metavar="N", help="for each function (default 20)")
    add("--pipeline", metavar="P", help="this one, instead of random ones")
    add("--most-instructions", type=_count, default=60, metavar="N", help="of a function")
    add("--experimental", action="store_true", help="also passes outside LLVM's own pipelines")
    add("--no-reduce", action="store_true", help="leave the functions as they are")
    add("--unroll", type=_count, default=4, metavar="K", help="times for loops (default 4)")
    add("--timeout", type=float, default=10.0, metavar="S", help="for each judge (default 10)")
    add("--seed", type=int, default=0, metavar="N", help="of all random choices (default 0)")
    add("-j", "--jobs", type=_count, metavar="N", help="worker processes (default: all cores)")


def _bad_usage(parser: ArgumentParser, message: str) -> NoReturn:
    parser.print_usage(sys.stderr)
    parser.exit(3, f"{parser.prog}: error: {message}\n")


def _add_harvest(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=Path, help="sources, builds and bitcode go here")
    add("--role", default="train", choices=("train", "held-out"), help="which programs")
    add("-j", "--jobs", type=_count, metavar="N", help="of make (default: all cores)")


def _add_coreset(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", type=Path, help="where `ozone harvest` put the bitcode")
    add("-o", dest="output", type=Path, required=True, metavar="FILE", help="the list to write")
    add("--modules", type=int, default=18, metavar="N", help="of each program, at most")
    add("--rounds", type=int, default=1, metavar="N", help="each from the last one's coreset")
    add("--search-budget", type=int, default=70, metavar="N", help="for each module and round")
    add("--pool", type=int, default=200, metavar="N", help="pipelines measured on all modules")
    add("--size", type=int, default=30, metavar="N", help="pipelines in the list")
    add("--seed", type=int, default=0, metavar="N", help="of the random choices")
    add("-j", "--jobs", type=_count, metavar="N", help="worker processes (default: all cores)")


def _settings(options: Namespace, **others: Any) -> Settings:
    from agent.optimise import Objective, Settings
    from ir_tools.passes import Trust

    return Settings(
        options.budget,
        options.policy,
        Objective(options.objective),
        trust=Trust.EXPERIMENTAL if options.experimental else Trust.PRODUCTION,
        seed=options.seed,
        **others,
    )


def _settings_for_clang(options: Namespace) -> Settings:
    from ir_tools.target import TargetOptions

    return _settings(options, target=TargetOptions(relocation_model="module"))


# --- commands ----------------------------------------------------------------------------------


def _opt(options: Namespace) -> None:
    """optimise a module: like opt, but smaller than the baseline, or the same"""
    from envs.cache import Cache, default_path
    from envs.evaluator import Evaluator
    from envs.pool import Limits

    limits = Limits(options.memory * _MIB, options.timeout)
    with (
        contextlib.closing(Cache(default_path())) as cache,
        Evaluator(options.jobs, cache, limits) as evaluator,
    ):
        evaluator.start()  # it loads LLVM while we load the rest
        _run_opt(options, evaluator)


def _run_opt(options: Namespace, evaluator: Evaluator) -> None:
    from agent.opt import Files, run
    from envs.evaluation import Artefact
    from ir_tools.target import TargetOptions

    target = TargetOptions(
        options.target_triple,
        options.target_cpu,
        options.target_features,
        options.relocation_model,
    )
    baseline = {"baseline": options.passes} if options.passes is not None else {}
    artefact = Artefact.IR if options.text else Artefact.BITCODE
    files = Files(options.input, options.output, artefact, options.json)
    settings = _settings(options, target=target, **baseline)
    run(files, settings, evaluator, quiet=options.quiet)


def _tune(options: Namespace) -> int:
    """optimise many files side by side; interrupted, it goes on where it was"""
    from rich.console import Console

    from agent import report
    from agent.output import write_file
    from agent.tune import tune

    console = Console()
    rows, errors = tune(
        options.files,
        shlex.split(options.cflags),
        _settings_for_clang(options),
        jobs=options.jobs,
        output=options.output,
        console=console,
    )
    if rows:
        report.show(rows, console)
    if options.json is not None:
        write_file(options.json, report.as_json(rows).encode())
    for path, error in errors.items():
        print(f"ozone: {path}: {error}", file=sys.stderr)
    return 1 if errors else 0


def _demo(options: Namespace) -> int:
    """shrink the example programs, run them before and after, show the table"""
    from rich.console import Console

    from agent.tune import demo

    good = demo(_settings_for_clang(options), jobs=options.jobs, console=Console())
    return 0 if good else 1


def _report(options: Namespace) -> None:
    """sum up a build that was made with ozone-cc"""
    from rich.console import Console

    from agent import report
    from agent.output import write_file

    rows = list(report.read_report(options.file))
    report.show(rows, Console())
    if options.json is not None:
        write_file(options.json, report.as_json(rows).encode())


def _verify(options: Namespace) -> int:
    """is the target a refinement of the source? 0 proved, 1 refuted, 2 open, 3 bad input"""
    from agent.verify import BAD_INPUT, Wishes, run
    from envs.cache import Cache, default_path
    from envs.evaluator import Evaluator
    from envs.pool import Limits
    from ir_tools.verify.verdict import Effort

    functions = (options.src_fn or options.function, options.tgt_fn or options.function)
    wishes = Wishes(options.source, options.target, *functions)
    effort = Effort(options.unroll, options.timeout, options.runs, options.timeout, options.seed)
    limits = Limits(cpu_s=2 * options.timeout + _OVERHEAD_S)
    try:
        if None in functions and functions != (None, None):
            raise OzoneError("--src-fn and --tgt-fn go together")
        with (
            contextlib.closing(Cache(default_path())) as cache,
            Evaluator(options.jobs, cache, limits) as evaluator,
        ):
            return run(wishes, effort, evaluator, as_json=options.json)
    except OzoneError as error:
        print(f"ozone verify: error: {error}", file=sys.stderr)
        return BAD_INPUT


def _fuzz(options: Namespace) -> int:
    """find pipelines that miscompile, and make them small; 1 when there are any"""
    from rich.console import Console
    from rich.progress import Progress

    from agent.fuzz import Fuzzer, Wishes, fuzz
    from envs.cache import Cache, default_path
    from envs.evaluator import Evaluator
    from envs.pool import Limits
    from ir_tools.passes import Trust
    from ir_tools.pipeline import Pipeline
    from ir_tools.verify.verdict import Effort

    wishes = Wishes(
        options.pipelines,
        Pipeline.parse(options.pipeline) if options.pipeline is not None else None,
        options.most_instructions,
        Trust.EXPERIMENTAL if options.experimental else Trust.PRODUCTION,
        options.seed,
        not options.no_reduce,
    )
    effort = Effort(options.unroll, options.timeout, 64, options.timeout, options.seed)
    limits = Limits(cpu_s=2 * options.timeout + _OVERHEAD_S)
    console = Console(stderr=True)
    with (
        contextlib.closing(Cache(default_path())) as cache,
        Evaluator(options.jobs, cache, limits) as evaluator,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("fuzzing", total=len(options.files))
        fuzzer = Fuzzer(evaluator, effort, wishes)
        found = fuzz(options.files, fuzzer, options.output, print, lambda: progress.advance(task))
    tally = ", ".join(f"{count} {name}" for name, count in fuzzer.tally.most_common())
    print(f"{found} found; {tally or 'nothing tried'}")
    return 1 if found else 0


def _harvest(options: Namespace) -> None:
    """download and build the Debian programs; keep the unoptimised bitcode of every object"""
    from agent.coreset import harvest_programs

    for name, count in harvest_programs(options.folder, options.role, options.jobs):
        print(f"{name}: {count} modules", flush=True)


def _coreset(options: Namespace) -> None:
    """rebuild the coreset from harvested training programs (half an hour on two cores)"""
    from rich.console import Console

    from agent.coreset import Wishes, rebuild

    wishes = Wishes(
        options.modules,
        options.rounds,
        options.search_budget,
        options.pool,
        options.size,
        options.seed,
        options.jobs,
    )
    rebuild(options.folder, options.output, wishes, Console(stderr=True))


def _cc(options: Namespace) -> None:
    """clang, with smaller objects: the arguments are clang's (the same as ozone-cc)"""
    raise AssertionError("`main` hands cc its arguments before they are parsed")


_COMMANDS: tuple[
    tuple[str, Callable[[ArgumentParser], None], Callable[[Namespace], int | None]], ...
] = (
    ("opt", _add_opt, _opt),
    ("cc", lambda parser: None, _cc),
    ("tune", _add_tune, _tune),
    ("demo", _add_demo, _demo),
    ("report", _add_report, _report),
    ("verify", _add_verify, _verify),
    ("fuzz", _add_fuzz, _fuzz),
    ("harvest", _add_harvest, _harvest),
    ("coreset", _add_coreset, _coreset),
)


if __name__ == "__main__":
    sys.exit(main())
