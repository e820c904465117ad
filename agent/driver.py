"""A clang command line, as far as a compiler wrapper must understand it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SOURCE_SUFFIXES = {".c", ".cc", ".cpp", ".cxx", ".c++", ".C", ".i", ".ii"}
_LANGUAGES = {"c", "c++", "cpp-output", "c++-cpp-output"}
_HEADER_SUFFIXES = (".h", ".hh", ".hpp", ".hxx", ".h++", ".H")

# Options whose value is the next argument.
_WITH_VALUE = frozenset(
    "-o -x -D -U -I -L -l -F -T -u -z -e -A -B -G -b -V -include -imacros -isystem -iquote"
    " -idirafter -iprefix -iwithprefix -iwithprefixbefore -isysroot -iframework -cxx-isystem"
    " -include-pch -MF -MT -MQ -MJ -Xclang -Xlinker -Xassembler -Xpreprocessor -Xanalyzer -mllvm"
    " -arch -target --target -aux-info --param -framework -rpath -soname -working-directory"
    " -gcc-toolchain --sysroot -dumpdir -install_name -undefined -plugin".split()
)
# Nothing is compiled to an object, or passes of clang's own would be missed: clang alone does it.
_PASS_THROUGH = (
    "-E", "-M", "-MM", "-fsyntax-only", "-emit-llvm", "-emit-ast", "--analyze", "-###", "-v",
    "--version", "-V", "--help", "-save-temps", "-O0", "-Og", "-fmodules", "-pg", "--coverage",
    "-coverage", "-ftest-coverage", "-emit-interface-stubs", "-fsave-optimization-record",
    "--preprocess", "-o-", "--",
)  # fmt: skip
_PASS_THROUGH_PREFIXES = (
    "-flto", "-fsanitize", "-fprofile", "-fcs-profile", "-print-", "--print-", "-dump", "@",
    "-fpass-plugin", "-fthinlto", "-fxray", "-save-temps=", "-fembed-bitcode", "-fcoverage",
    "-foffload", "-fopenmp-targets", "-fmodule", "-fcf-protection=branch-",
    "-foptimization-record", "--save-temps", "-ccc-",
)  # fmt: skip
# clang does these alone too, at -Oz: it writes files or warnings of its own behind the front end.
_ALONE_PREFIXES = (
    "-finstrument-", "-fmemory-profile", "-fexperimental-sanitize", "-gsplit-dwarf", "-Wp,-M",
    "-Wframe-larger-than", "-fstack-usage", "--output", "--compile", "--assemble", "-MJ", "-ftime-",
    "-Rpass", "-serialize-diagnostics", "--serialize-diagnostics", "-fproc-stat-report",
    "-gen-reproducer",
)  # fmt: skip
# Options that belong to the front end's run alone, and whether the next argument goes with them.
_FRONT_END_ONLY = {"-MD": 0, "-MMD": 0, "-MP": 0, "-MG": 0, "-MV": 0, "-MF": 1, "-MT": 1, "-MQ": 1,
                   "-include": 1, "-imacros": 1, "-include-pch": 1, "-x": 1}  # fmt: skip
_DEPENDENCIES = ("-MF", "-MT", "-MQ")  # whose value may be attached


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a command line asks for, when it is something that Ozone can improve.

    Without sources it is clang's alone, at -Oz.
    """

    sources: tuple[str, ...]
    output: str | None
    kind: str  # "-c", "-S", or "" when it links as well
    arguments: tuple[str, ...]  # without -c, -S, -o and optimisation levels; sources are in place

    @property
    def code_generation(self) -> list[str]:
        """The options for a run that begins with IR: no sources, nothing of the preprocessor's."""
        kept: list[str] = []
        pending = list(self.arguments)
        while pending:
            argument = pending.pop(0)
            if argument in _FRONT_END_ONLY:
                del pending[: _FRONT_END_ONLY[argument]]
            elif argument in _WITH_VALUE and pending:
                kept += [argument, pending.pop(0)]
            elif argument not in self.sources and not argument.startswith(_DEPENDENCIES):
                kept.append(argument)
        return kept

    def front_end(self, source: str, output: str) -> list[str]:
        """The options that compile one source; dependency files come out as clang writes them."""
        others = set(self.sources) - {source}
        arguments = [argument for argument in self.arguments if argument not in others]
        if {"-MD", "-MMD"} & set(arguments):
            if not any(a.startswith("-MF") for a in arguments):
                arguments += ["-MF", os.path.splitext(output)[0] + ".d"]
            if not any(a.startswith(("-MT", "-MQ")) for a in arguments):
                arguments += ["-MQ", self.output or Path(source).with_suffix(".o").name]
        # What only the linker reads is clang's to warn about when it links.
        return arguments if self.kind else [*arguments, "-Qunused-arguments"]

    def object_name(self, source: str) -> str:
        """Where the object (or assembly) of a source goes."""
        if self.output is not None:
            return self.output
        return Path(source).with_suffix(".s" if self.kind == "-S" else ".o").name

    def linking(self, objects: dict[str, str]) -> list[str]:
        """The command line that links, with objects in the place of sources."""
        replaced = [objects.get(argument, argument) for argument in self.arguments]
        languages = [i for i, argument in enumerate(replaced) if argument == "-x"]
        for index in reversed(languages):  # the objects are not C any more
            del replaced[index : index + 2]
        return [*replaced, *(["-o", self.output] if self.output is not None else [])]


def understand(arguments: Sequence[str]) -> Invocation | None:
    """The invocation, or None when it should go to clang as it is."""
    if any(a in _PASS_THROUGH or a.startswith(_PASS_THROUGH_PREFIXES) for a in arguments):
        return None
    if {"-c", "-S"} <= set(arguments):
        return None  # it warns, and -S counts, wherever it stands
    if any(a.startswith(_ALONE_PREFIXES) for a in arguments):
        return Invocation((), None, "", tuple(arguments))
    invocation = Invocation((), None, "", ())
    pending = list(arguments)
    kept: list[str] = []
    language = None
    while pending:
        argument = pending.pop(0)
        if argument in ("-c", "-S"):
            invocation = dataclasses.replace(invocation, kind=argument)
        elif argument == "-o" and pending:
            invocation = dataclasses.replace(invocation, output=pending.pop(0))
        elif argument.startswith("-o") and len(argument) > 2 and not argument.startswith("-obj"):
            invocation = dataclasses.replace(invocation, output=argument[2:])
        elif argument in _WITH_VALUE and pending:
            kept += [argument, pending.pop(0)]
            language = kept[-1] if argument == "-x" else language
        elif not (argument.startswith("-O") and argument[2:] in ("", *"123sz", "fast", "4")):
            kept.append(argument)
            if _is_source(argument, language):
                invocation = dataclasses.replace(
                    invocation, sources=(*invocation.sources, argument)
                )
    return _checked(dataclasses.replace(invocation, arguments=tuple(kept)), language)


def _is_source(argument: str, language: str | None) -> bool:
    if argument.startswith("-"):
        return False
    return language in _LANGUAGES or os.path.splitext(argument)[1] in _SOURCE_SUFFIXES


def _precompiles_header(invocation: Invocation) -> bool:
    """Whether it makes what clang reads only at the level, -Oz, at which it was made."""
    arguments = invocation.arguments
    if any(a.removeprefix("-x") in ("c-header", "c++-header") for a in arguments):
        return True
    named = [a for a in arguments if a.endswith(_HEADER_SUFFIXES) and a[0] != "-"]
    return bool(named) and not invocation.sources


def _checked(invocation: Invocation, language: str | None) -> Invocation | None:
    """None for what makes no objects, repeats a source, or mixes -x languages that we cannot."""
    sources = invocation.sources
    if _precompiles_header(invocation):
        return dataclasses.replace(invocation, sources=())
    if not sources or len(set(sources)) < len(sources) or "-" in invocation.arguments:
        return None
    if language is not None and language not in _LANGUAGES:
        return None
    if invocation.output is not None and invocation.kind and len(sources) > 1:
        return None  # clang's own message is best
    if invocation.output == "-":
        return None
    arguments = invocation.arguments
    if any(a.startswith("-x") and len(a) > 2 for a in arguments):
        return None
    if any(a.endswith((".s", ".S")) and a[0] != "-" for a in arguments):
        return dataclasses.replace(invocation, sources=())
    if not invocation.kind and {"-MD", "-MMD"} & set(arguments):
        return None  # its dependency file is named after the program
    return invocation
