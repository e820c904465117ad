"""What each command does with its options. Imports are inside: each command loads what it needs."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from ir_tools.errors import OzoneError

if TYPE_CHECKING:
    from agent.optimise import Settings
    from envs.evaluator import Evaluator

_MIB = 1 << 20
_TABLE_WIDTH = 120  # of the frontier's, where no terminal sets it
_OVERHEAD_S = 10.0  # for what is not the judges' own work


def _settings(options: Namespace, **others: Any) -> Settings:
    from agent.optimise import Objective, Settings
    from ir_tools.passes import Trust
    from ir_tools.verify.verdict import acceptance

    usual = "proved" if options.experimental else "tested"
    return Settings(
        options.budget,
        options.policy,
        Objective(options.objective),
        trust=Trust.EXPERIMENTAL if options.experimental else Trust.PRODUCTION,
        seed=options.seed,
        accept=acceptance(options.accept or usual),
        **others,
    )


def _settings_for_clang(options: Namespace) -> Settings:
    from ir_tools.target import TargetOptions

    return _settings(options, target=TargetOptions(relocation_model="module"))


def opt(options: Namespace) -> None:
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


def tune(options: Namespace) -> int:
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


def demo(options: Namespace) -> int:
    """shrink the example programs, run them before and after, show the table"""
    from rich.console import Console

    from agent.tune import demo

    good = demo(_settings_for_clang(options), jobs=options.jobs, console=Console())
    return 0 if good else 1


def report(options: Namespace) -> None:
    """sum up a build that was made with ozone-cc"""
    from rich.console import Console

    from agent import report
    from agent.output import write_file

    rows = list(report.read_report(options.file))
    report.show(rows, Console())
    if options.json is not None:
        write_file(options.json, report.as_json(rows).encode())


def verify(options: Namespace) -> int:
    """is the target a refinement of the source? 0 proved, 1 refuted, 2 open, 3 bad input"""
    from agent.verify import BAD_INPUT, Wishes, run
    from envs.cache import Cache, default_path
    from envs.evaluator import Evaluator
    from envs.pool import Limits
    from ir_tools.verify import alive
    from ir_tools.verify.verdict import Effort

    functions = (options.src_fn or options.function, options.tgt_fn or options.function)
    wishes = Wishes(options.source, options.target, *functions)
    if options.alive_tv is not None:
        os.environ[alive.ENVIRONMENT_VARIABLE] = options.alive_tv  # which workers inherit
    effort = Effort(
        options.unroll, None, options.timeout, options.runs, options.timeout, options.seed
    )
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


def fuzz(options: Namespace) -> int:
    """find pipelines that miscompile, and make them small; 1 when there are any, 3 bad input"""
    from rich.console import Console
    from rich.progress import track

    from agent.findings import Findings
    from agent.fuzz import Fuzzer, Run, Wishes, modules
    from agent.verify import BAD_INPUT
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
        options.reduce or None,
    )
    effort = Effort(options.unroll, None, options.timeout, 64, options.timeout, options.seed)
    limits = Limits(cpu_s=2 * options.timeout + _OVERHEAD_S)
    files, console = modules(options.files), Console(stderr=True)
    with (
        contextlib.closing(Cache(default_path())) as cache,
        Evaluator(options.jobs, cache, limits) as evaluator,
    ):
        run = Run(Fuzzer(evaluator, effort, wishes), Findings(options.output), print)
        try:
            for file in track(files, "fuzzing", console=console, disable=not console.is_terminal):
                run.module(file)
        finally:
            print(run)
    return 1 if run.found else BAD_INPUT if run.unreadable else 0


def coreset(options: Namespace) -> None:
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


def baselines(options: Namespace) -> None:
    """compare random search, greedy and PPO at ordering passes, on functions held out"""
    from agent.baselines.experiment import Settings, run

    settings = Settings(
        options.train,
        options.held_out,
        (options.functions, options.held_out_functions),
        options.objective,
        options.episode,
        options.seed,
    )
    say = functools.partial(print, file=sys.stderr)
    print(run(options.folder, settings, options.steps, options.methods, say), end="")


def train(options: Namespace) -> None:
    """train a language model: tokens from a corpus, pretraining, fine-tuning on labels"""


def prepare(options: Namespace) -> None:
    """make tokens of a corpus's training split and its labels"""
    from rich.console import Console

    from agent.lm.preparation import prepare

    console = Console()
    about = prepare(
        options.store, options.labels, options.tokenizer, options.output, options.jobs, console
    )
    for name, value in about.items():
        console.print(f"{name}: {value}", highlight=False)


def pretrain(options: Namespace) -> None:
    """learn the language of IR: the next token, and what was cut out of the middle"""
    _train(options, "pretrain")


def sft(options: Namespace) -> None:
    """learn to answer a function with its best pipelines, its sizes and its optimised IR"""
    _train(options, "sft")


def export(options: Namespace) -> None:
    """write a trained model as what runs without torch"""
    from agent.lm.export import export

    export(options.model, options.output)


def evaluate(options: Namespace) -> None:
    """how well a model knows the compiler: sizes and optimised IR, against LLVM's"""
    from rich.console import Console

    from agent.lm.emulation import evaluate
    from agent.output import write_file

    console = Console()
    wishes = options.functions, options.seed, options.jobs
    text = evaluate(options.model, options.store, *wishes, console).to_json()
    console.print(text, end="", highlight=False, markup=False)
    if options.json is not None:
        write_file(options.json, text.encode())


def _train(options: Namespace, task: str) -> None:
    from agent.lm.training import Settings, train

    settings = Settings(
        task,
        options.epochs,
        options.rate,
        options.rows,
        options.accumulate,
        options.length,
        options.seed,
        options.init_from,
        options.config,
        options.lora,
        bf16=not options.fp32,
        checkpointing=options.checkpointing,
    )
    figures = train(options.data, options.output, settings, options.every)
    if figures:
        print(", ".join(f"{name} {value}" for name, value in figures.items()))


def nvp(options: Namespace) -> None:
    """rebuild what the policies nvp and neighbour know, from the training split of a corpus"""
    from rich.console import Console

    from agent.nvp_training import Wishes, rebuild

    wishes = Wishes(
        options.functions,
        options.searched,
        options.search_budget,
        options.pool,
        options.size,
        options.seed,
        options.jobs,
    )
    rebuild(options.store, options.output, wishes, Console(stderr=True))


def bench(options: Namespace) -> None:
    """the frontier: what each policy saves at each budget, on the held-out split of a corpus"""
    from rich.console import Console

    from agent.frontier.command import Wishes, run
    from agent.optimise import Objective
    from ir_tools.verify.verdict import acceptance

    wishes = Wishes(
        options.store,
        options.policy,
        options.budgets,
        options.functions,
        Objective(options.objective),
        acceptance(options.accept),
        options.seed,
        options.folder,
        options.jobs,
        options.labels,
        options.json,
        options.plot,
    )
    run(wishes, Console(width=None if sys.stdout.isatty() else _TABLE_WIDTH))


def cc(options: Namespace) -> None:
    """clang, with smaller objects: the arguments are clang's (the same as ozone-cc)"""
    raise AssertionError("`main` hands cc its arguments before they are parsed")


def data(options: Namespace) -> None:
    """the corpus that learning needs: functions, and the best pipelines known for them"""


def harvest(options: Namespace) -> int:
    """download and build Debian programs; keep the unoptimised bitcode of every object"""
    from agent.corpus import compiler
    from anghabench.harvest import SMOKE, Limits, chosen, harvest

    names = options.recipes or (SMOKE if options.set else ())
    limits = Limits(timeout_s=options.timeout, disk_bytes=options.disk * _MIB)
    jobs = options.jobs or os.cpu_count() or 1
    failed = False
    recipes = chosen(names, options.role)
    for result in harvest(recipes, options.folder, compiler(), jobs, limits):
        failed |= bool(result.failure)
        print(f"{result.name}: {result.failure or f'{result.modules} modules'}", flush=True)
    return 1 if failed else 0


def build(options: Namespace) -> None:
    """make a corpus: functions, each once; interrupted, it goes on where it was"""
    from rich.console import Console

    from agent.corpus import build
    from anghabench import sources

    found = sources.chosen(
        options.folders,
        anghabench=options.anghabench,
        tsvc=options.tsvc,
        polybench=options.polybench,
        cbench=options.cbench,
        seeds=options.csmith,
        examples=options.examples,
    )
    if not found:
        raise OzoneError("nothing to build a corpus from: name a folder, or see --help")
    build(found, options.store, options.jobs, Console(stderr=True))


def stats(options: Namespace) -> None:
    """the data card of a corpus: how much of what, and what was left out"""
    import json

    from agent.output import write_file
    from anghabench.card import data_card, statistics

    print(data_card(options.store))
    if options.json is not None:
        write_file(options.json, json.dumps(statistics(options.store), indent=1).encode())


def show(options: Namespace) -> None:
    """one function of a corpus: where it is from, what it measures, its IR"""
    from agent.corpus import described

    print(described(options.store, options.id))


def label(options: Namespace) -> int:
    """find the best pipelines for the functions of a corpus; killed, it goes on where it was"""
    from rich.console import Console

    from agent.label import run
    from agent.labelling import Wishes
    from agent.output import write_file
    from anghabench import labels, store
    from ir_tools.passes import Trust
    from ir_tools.verify.verdict import Accept

    experimental = options.experimental
    wishes = Wishes(
        options.budget,
        Trust.EXPERIMENTAL if experimental else Trust.PRODUCTION,
        Accept.PROVED if experimental else Accept.TESTED,
        options.seed,
    )
    console, functions = Console(), store.read(options.store, options.split)
    if options.known is not None:
        known = {one.id for one in labels.read(options.known, but=options.output)}
        functions = (one for one in functions if one.id not in known)
    summary = run(functions, options.output, wishes, _everywhere(options), console)
    summary.show(console)
    if options.json is not None:
        write_file(options.json, summary.to_json().encode())
    return 1 if summary.functions and not summary.labelled else 0


def _everywhere(options: Namespace) -> Any:
    """What runs work on many items: this machine, or a cluster."""
    from agent.label import LIMITS

    if options.ray is not None:
        from envs import cluster

        return functools.partial(cluster.for_each, address=options.ray, limits=LIMITS)
    from envs import parallel

    return functools.partial(parallel.for_each, cache=None, jobs=options.jobs, limits=LIMITS)
