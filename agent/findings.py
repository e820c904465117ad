"""What `ozone fuzz` found: a folder for each bug, ready to be reported, and what was tried.

Two findings with the same minimal pipeline and the same broken law are taken for one bug: the first
is written, the others are listed beside it, in `others.tsv`. A folder holds

    report.md     for LLVM's maintainers
    source.ll     the function, as small as it got, and `target.ll`, what the pipeline makes of it
    original.ll   the function as it was found
"""

from __future__ import annotations

import hashlib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from agent.output import write_file
from agent.verify import describe
from ir_tools.errors import OzoneError
from ir_tools.installed import loaded_version
from ir_tools.partition import original_name
from ir_tools.pipeline import Pipeline
from ir_tools.verify.verdict import Side, Verdict

NOT_ASKED = "alive-tv was not asked."
_TRIED = "tried.txt"
_NAME_CHARACTERS = 80  # of a function, in the name of a folder


@dataclass(frozen=True, slots=True)
class Finding:
    """A function that a pipeline miscompiles; source and target are textual IR."""

    source: Side
    pipeline: Pipeline
    target: bytes
    verdict: Verdict

    @property
    def law(self) -> str:
        """The law that is broken, without the place where it is."""
        return re.split(r"\s*[:(+\d]", self.verdict.reason)[0].lower()

    @property
    def bug(self) -> str:
        """The same for what is taken for one bug."""
        text = f"{self.pipeline}\n{self.law}"
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def __str__(self) -> str:
        return describe(self.source, Side(self.target, self.source.function), self.verdict)


class Findings:
    """Those of this run and, where there is a folder, of those before it. Raises OzoneError."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._bugs: set[str] = set()
        self._tried: set[str] = set()
        if folder is not None:
            known = _made(folder) / _TRIED
            self._bugs = {path.parent.name[-8:] for path in folder.glob("*/report.md")}
            self._tried = set(known.read_text().split()) if known.exists() else set()

    def is_tried(self, key: str) -> bool:
        return key in self._tried

    def tried(self, key: str) -> None:
        """Remember that this need not be tried again."""
        self._tried.add(key)
        if self._folder is not None:
            _append(self._folder / _TRIED, f"{key}\n")

    def is_known(self, finding: Finding) -> bool:
        return finding.bug in self._bugs

    def add(self, found: Finding, reduced: Finding, second_opinion: str = NOT_ASKED) -> None:
        """Write the report on a new bug, as it was found and as small as it got."""
        self._bugs.add(found.bug)
        if self._folder is None:
            return
        name = re.sub(r"[^\w.-]", "_", original_name(found.source.function))[:_NAME_CHARACTERS]
        folder = _made(self._folder / f"{name}-{found.bug}")
        write_file(folder / "original.ll", _plain(found.source.data))
        write_file(folder / "source.ll", _plain(reduced.source.data))
        write_file(folder / "target.ll", _plain(reduced.target))
        write_file(folder / "report.md", _report(reduced, second_opinion))

    def another(self, finding: Finding, path: Path) -> None:
        """A known bug, on one more function."""
        if self._folder is not None:
            folder = next(self._folder.glob(f"*-{finding.bug}"))
            _append(folder / "others.tsv", f"{path}\t{original_name(finding.source.function)}\n")


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OzoneError(f"cannot write {folder}: {error.strerror}") from error
    return folder


def _append(path: Path, line: str) -> None:
    try:
        with path.open("a") as file:
            file.write(line)
    except OSError as error:
        raise OzoneError(f"cannot write {path}: {error.strerror}") from error


def _plain(text: bytes) -> bytes:
    """Textual IR without the module's and the source's names, which say where a file once was."""
    return re.sub(rb"\A(; ModuleID = .*\n)?(source_filename = .*\n)?", b"", text)


def _report(reduced: Finding, second_opinion: str) -> bytes:
    passes = f"-passes={reduced.pipeline}"
    name = reduced.source.function
    text = f"""# Wrong code with `{passes}`

LLVM {loaded_version()}:

```sh
{shlex.join(["opt", "-S", passes, "source.ll", "-o", "target.ll"])}
alive-tv source.ll target.ll
{shlex.join(["ozone", "verify", "source.ll", "target.ll", "--function", name])}
```

`@{name}` before (`source.ll`):

```llvm
{_plain(reduced.source.data).decode(errors="replace").strip()}
```

and after (`target.ll`):

```llvm
{_plain(reduced.target).decode(errors="replace").strip()}
```

**{reduced.verdict.reason}** ({reduced.verdict.judge}):

```
{reduced.verdict.counterexample}
```

{second_opinion}

`original.ll` is the function as it was found, in a program.
"""
    return text.encode(errors="replace")
