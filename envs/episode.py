"""An episode as one line that anybody can replay, and what a replay found."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field

from envs.evaluation import Status
from envs.trajectory import APART
from ir_tools.errors import MisuseError
from ir_tools.pipeline import Pipeline

UNVERIFIED = "unverified"  # the verdict where nothing was judged
_APART = APART.strip(",")


@dataclass(frozen=True, slots=True)
class Episode:
    """What an episode did and what came of it. The time that it took does not make it another one.

    benchmark     its URI, or its name where the environment was given IR
    start         the pipeline that made the state from which rewards count
    pipeline      everything that was run, `start` included: `opt -passes=` of LLVM `llvm` makes
                  the same IR of the same benchmark with it
    reward_space  what `reward`, the sum of all steps, is in
    status        `ok`, or how LLVM ended it on `failed`, the pipeline that came next
    verdict       what the judges said; `unverified` where none was asked
    ir            a digest of the textual IR that `pipeline` makes, without the module's name
    """

    benchmark: str
    start: str
    pipeline: str
    reward_space: str
    reward: float
    status: Status
    failed: str
    verdict: str
    ir: str
    llvm: str
    wall_s: float = field(default=0.0, compare=False)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> Episode:
        """Raises MisuseError for what `to_json` did not write."""
        try:
            fields = json.loads(line)
            return cls(**fields | {"status": Status(fields["status"])})
        except (ValueError, KeyError, TypeError) as error:
            raise MisuseError(f"not an episode's line: {error}") from None


@dataclass(frozen=True, slots=True)
class Validation:
    """What a replay found: `problems` names everything that does not hold, a line each."""

    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


def ir_digest(text: str) -> str:
    """Thirty-two hexadecimal digits that name textual IR, whatever its module is called."""
    body = text.partition("\n")[2] if text.startswith("; ModuleID") else text
    return hashlib.sha256(body.encode(errors="surrogateescape")).hexdigest()[:32]


def parts(pipeline: str) -> tuple[str, ...]:
    """The pipelines that were run one by one, of a text that joins them."""
    found: list[list[str]] = [[]]
    for element in map(str, Pipeline.parse(pipeline).elements):
        if element == _APART:
            found.append([])
        else:
            found[-1].append(element)
    return tuple(",".join(elements) for elements in found if elements)
