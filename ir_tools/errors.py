"""Every exception that Ozone raises on purpose.

The command line turns an `OzoneError` into one line on stderr and an exit code; anything else that
escapes is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

_MESSAGE_CHARACTERS = 1000


def one_line(message: str) -> str:
    """A message of LLVM's that may quote any input: one line, printable and of bounded length."""
    line = " ".join(message.split())
    if len(line) > _MESSAGE_CHARACTERS:
        line = f"{line[:_MESSAGE_CHARACTERS]}…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


class OzoneError(Exception):
    """Base of all errors whose message is meant for the user: one line that says what to do."""


class LLVMNotFoundError(OzoneError):
    """libLLVM 22 cannot be loaded on this machine."""


class ParseError(OzoneError):
    """The input is not IR or bitcode that this LLVM reads; the message is LLVM's own."""


class PipelineError(OzoneError):
    """A pipeline text that LLVM does not accept; the message is the parser's own."""


class InvalidModuleError(OzoneError):
    """LLVM's verifier rejects the module, before or after a pipeline."""


class TargetError(OzoneError):
    """The triple, CPU or features name a target that this LLVM was not built with."""


class ToolError(OzoneError):
    """An external program (clang, a build system) is missing or failed."""


class WorkerError(OzoneError):
    """A worker process died, hung or ran out of memory on work that has no candidate to blame."""


class NotComparableError(OzoneError):
    """Two functions that cannot be a source and its target: absent, or of different types."""


class BenchmarkError(OzoneError):
    """A benchmark that cannot be had or checked: its files, its compilation or its run fail."""


class UnknownBenchmarkError(BenchmarkError):
    """A URI that names no benchmark."""


class MisuseError(OzoneError):
    """An environment was asked for what it does not do now: reset it, or read what it offers."""


class ActionError(MisuseError):
    """An action that is not in the space, or that is masked."""


class ObservationError(OzoneError):
    """LLVM cannot make the observation that was asked for of this state."""


class StoreError(OzoneError):
    """A corpus that is missing, damaged, in use by another writer, or cannot be written."""


class JournalError(OzoneError):
    """The record of a long run is damaged, in use by another one, or cannot be written."""


class ClusterError(OzoneError):
    """A Ray cluster that cannot be reached, or that loses workers again and again."""


class ModelError(OzoneError):
    """Weights or a vocabulary that are missing, damaged, or do not fit what they are used for."""


class EncodingError(OzoneError):
    """IR that has no compact text, or a compact text that is no IR."""
