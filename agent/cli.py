"""The `ozone` command line.

argparse, and imports inside the commands: `ozone opt` stands where `opt` stood in a build, and must
start as fast.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence

from agent import commands, options
from ir_tools.errors import OzoneError
from ir_tools.process import unwinding

_INTERRUPTED = 130  # what a shell reports for SIGINT
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
    chosen = parser.parse_args(given)
    return unwinding(lambda: _run(chosen))


def _run(chosen: Namespace) -> int:
    try:
        code: int | None = chosen.run(chosen)
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
    _add_commands(parser, _COMMANDS)
    return parser


def _add_commands(parser: ArgumentParser, rows: _Rows) -> None:
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, add, run in rows:
        lines = (run.__doc__ or "").splitlines()
        command = subparsers.add_parser(
            name, help=lines[0], description=lines[0], allow_abbrev=False
        )
        command.set_defaults(run=run)
        add(command)


_Rows = tuple[tuple[str, Callable[[ArgumentParser], None], Callable[[Namespace], int | None]], ...]

_DATA: _Rows = (
    ("harvest", options.add_harvest, commands.harvest),
    ("build", options.add_build, commands.build),
    ("stats", options.add_stats, commands.stats),
    ("show", options.add_show, commands.show),
    ("label", options.add_label, commands.label),
)

_TRAIN: _Rows = (
    ("prepare", options.add_prepare, commands.prepare),
    ("pretrain", options.add_train, commands.pretrain),
    ("sft", options.add_train, commands.sft),
    ("export", options.add_export, commands.export),
    ("evaluate", options.add_evaluate, commands.evaluate),
)

_COMMANDS: _Rows = (
    ("opt", options.add_opt, commands.opt),
    ("cc", lambda parser: None, commands.cc),
    ("tune", options.add_tune, commands.tune),
    ("demo", options.add_demo, commands.demo),
    ("report", options.add_report, commands.report),
    ("verify", options.add_verify, commands.verify),
    ("fuzz", options.add_fuzz, commands.fuzz),
    ("coreset", options.add_coreset, commands.coreset),
    ("baselines", options.add_baselines, commands.baselines),
    ("data", lambda parser: _add_commands(parser, _DATA), commands.data),
    ("train", lambda parser: _add_commands(parser, _TRAIN), commands.train),
    ("nvp", options.add_nvp, commands.nvp),
    ("bench", options.add_bench, commands.bench),
)


if __name__ == "__main__":
    sys.exit(main())
