"""The `ozone` command line. Commands import what they need when they run, to start fast."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ir_tools.errors import OzoneError

if TYPE_CHECKING:
    from agent.optimise import Settings

_INTERRUPTED = 130
_MIB = 1 << 20

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Smaller programs than clang -Oz's, never worse.",
)

Budget = Annotated[int, typer.Option(help="candidate compilations for each module")]
PolicyName = Annotated[str, typer.Option(help="oz, random, coreset or search")]
ObjectiveName = Annotated[str, typer.Option(help="size, text or instructions")]
Seed = Annotated[int, typer.Option(help="seed of the random choices")]
Experimental = Annotated[
    bool, typer.Option("--experimental", help="also passes outside LLVM's own pipelines")
]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", help="workers (default: all cores)")]
Json = Annotated[Path | None, typer.Option("--json", help="write everything to this file as JSON")]


def _settings(
    budget: int, policy: str, objective: str, seed: int, experimental: bool, **others: object
) -> Settings:
    from agent.optimise import Objective, Settings
    from ir_tools.passes import Trust

    trust = Trust.EXPERIMENTAL if experimental else Trust.PRODUCTION
    return Settings(budget, policy, Objective.named(objective), trust=trust, seed=seed, **others)  # type: ignore[arg-type]


@app.command()
def opt(
    source: Annotated[str, typer.Argument(metavar="IN", help=".ll or .bc file, - for stdin")] = "-",
    output: Annotated[str, typer.Option("-o", help="output file, - for stdout")] = "-",
    text: Annotated[bool, typer.Option("-S", help="write textual IR")] = False,
    passes: Annotated[
        str | None, typer.Option("-passes", "--passes", help="baseline pipeline, as opt's")
    ] = None,
    o0: Annotated[bool, typer.Option("-O0", help="the baseline is default<O0>")] = False,
    o1: Annotated[bool, typer.Option("-O1", help="… default<O1>")] = False,
    o2: Annotated[bool, typer.Option("-O2", help="… default<O2>")] = False,
    o3: Annotated[bool, typer.Option("-O3", help="… default<O3>")] = False,
    os_: Annotated[bool, typer.Option("-Os", help="… default<Os>")] = False,
    oz: Annotated[bool, typer.Option("-Oz", help="… default<Oz> (the default)")] = False,
    budget: Budget = 10,
    policy: PolicyName = "coreset",
    objective: ObjectiveName = "size",
    seed: Seed = 0,
    experimental: Experimental = False,
    target_triple: Annotated[str, typer.Option(help="overrides the module's")] = "",
    target_cpu: Annotated[str, typer.Option(help="for functions that name none")] = "",
    target_features: Annotated[str, typer.Option(help="for functions that name none")] = "",
    relocation_model: Annotated[
        str, typer.Option(help="default, static, pic, or module: what clang noted in it")
    ] = "default",
    jobs: Jobs = None,
    timeout: Annotated[float, typer.Option(help="CPU seconds for each candidate")] = 30.0,
    memory: Annotated[int, typer.Option(help="MiB of memory for each worker")] = 4096,
    json: Json = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no summary")] = False,
) -> None:
    """Optimise a module: like opt, but smaller than the baseline, or the same."""
    from agent.opt import Files, run
    from envs.evaluation import Artefact
    from envs.pool import Limits
    from ir_tools.llvm import TargetOptions

    levels = {"O0": o0, "O1": o1, "O2": o2, "O3": o3, "Os": os_, "Oz": oz}
    chosen = [f"default<{level}>" for level, given in levels.items() if given]
    chosen += [passes] if passes is not None else []
    if len(chosen) > 1:
        raise OzoneError("one of -passes and -O0 to -Oz, not several")
    run(
        Files(source, output, Artefact.IR if text else Artefact.BITCODE, json),
        _settings(
            budget,
            policy,
            objective,
            seed,
            experimental,
            target=TargetOptions(target_triple, target_cpu, target_features, relocation_model),
            **({"baseline": chosen[0]} if chosen else {}),
        ),
        jobs=jobs,
        limits=Limits(memory * _MIB, timeout),
        quiet=quiet,
    )


@app.command()
def tune(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="C, .ll or .bc files")],
    output: Annotated[Path | None, typer.Option("-o", help="folder for the objects")] = None,
    cflags: Annotated[str, typer.Option(help="options for clang, in one string")] = "",
    budget: Budget = 10,
    policy: PolicyName = "coreset",
    objective: ObjectiveName = "size",
    seed: Seed = 0,
    experimental: Experimental = False,
    jobs: Jobs = None,
    json: Json = None,
) -> None:
    """Optimise many files side by side; interrupted, it goes on where it was."""
    import shlex

    from rich.console import Console

    from agent import report
    from agent.output import write_file
    from agent.tune import tune as tune_files

    settings = _module_settings(budget, policy, objective, seed, experimental)
    console = Console()
    rows, errors = tune_files(
        files, shlex.split(cflags), settings, jobs=jobs, output=output, console=console
    )
    if rows:
        report.show(rows, console)
    if json is not None:
        write_file(json, report.as_json(rows).encode())
    for path, error in errors.items():
        print(f"ozone: {path}: {error}", file=sys.stderr)
    if errors:
        raise typer.Exit(1)


def _module_settings(
    budget: int, policy: str, objective: str, seed: int, experimental: bool
) -> Settings:
    from ir_tools.llvm import TargetOptions

    target = TargetOptions(relocation_model="module")
    return _settings(budget, policy, objective, seed, experimental, target=target)


@app.command()
def demo(
    budget: Budget = 20, policy: PolicyName = "coreset", jobs: Jobs = None, seed: Seed = 0
) -> None:
    """Shrink the example programs, run them before and after, show the table."""
    from rich.console import Console

    from agent.tune import demo as run_demo

    settings = _module_settings(budget, policy, "size", seed, False)
    if not run_demo(settings, jobs=jobs, console=Console()):
        raise typer.Exit(1)


@app.command(
    context_settings={
        "ignore_unknown_options": True,
        "help_option_names": [],
        "allow_extra_args": True,
    },
    add_help_option=False,
)
def cc(context: typer.Context) -> None:
    """clang, with smaller objects: the arguments are clang's (same as ozone-cc)."""
    from agent.cc import main as run

    raise typer.Exit(run(context.args))


@app.command()
def report(
    file: Annotated[Path, typer.Argument(help="what OZONE_REPORT named during the build")],
    json: Json = None,
) -> None:
    """Sum up a build that was made with ozone-cc."""
    from rich.console import Console

    from agent import report as reports
    from agent.output import write_file

    rows = list(reports.read_report(file))
    reports.show(rows, Console())
    if json is not None:
        write_file(json, reports.as_json(rows).encode())


@app.command()
def harvest(
    folder: Annotated[Path, typer.Argument(help="sources, builds and bitcode go here")],
    role: Annotated[str, typer.Option(help="train or held-out")] = "train",
    jobs: Jobs = None,
) -> None:
    """Download and build the Debian programs; keep the unoptimised bitcode of every object."""
    from agent.coreset import harvest_programs

    for name, count in harvest_programs(folder, role, jobs):
        print(f"{name}: {count} modules", flush=True)


@app.command()
def coreset(
    folder: Annotated[Path, typer.Argument(help="where `ozone harvest` put the bitcode")],
    output: Annotated[Path, typer.Option("-o", help="the list to write")],
    modules: Annotated[int, typer.Option(help="modules of each program, at most")] = 18,
    rounds: Annotated[int, typer.Option(help="searches, each from the last one's coreset")] = 2,
    search_budget: Annotated[int, typer.Option(help="candidates of each module's search")] = 70,
    pool: Annotated[int, typer.Option(help="pipelines measured on all modules")] = 200,
    size: Annotated[int, typer.Option(help="pipelines in the list")] = 30,
    seed: Seed = 0,
    jobs: Jobs = None,
) -> None:
    """Rebuild the coreset from harvested training programs (half an hour on two cores)."""
    from rich.console import Console

    from agent.coreset import Wishes, rebuild

    wishes = Wishes(modules, rounds, search_budget, pool, size, seed, jobs)
    rebuild(folder, output, wishes, Console(stderr=True))


def _run(arguments: Sequence[str]) -> int:
    """Exit code of a command; expected errors become one line on stderr."""
    try:
        app(args=list(arguments), prog_name="ozone")
    except OzoneError as error:
        print(f"ozone: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    return _run(sys.argv[1:] if arguments is None else arguments)


def opt_main(arguments: Sequence[str] | None = None) -> int:
    """`ozone-opt`: the same as `ozone opt`."""
    return _run(["opt", *(sys.argv[1:] if arguments is None else arguments)])


if __name__ == "__main__":
    sys.exit(main())
