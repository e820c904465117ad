"""A function as the model reads it.

What the front end wrote is three times as long as it must be, so the model is shown what a few
cheap passes leave of it (`agent.policy.SIMPLIFIED`): memory in registers, trivial redundancies
gone. Its pipelines are for the function as it was. Before the code stands how much of what there is
in it: a small model need not count, and of a function that is too long for the context, which is
shown with its middle cut out, it still knows what it was like.
"""

from __future__ import annotations

import collections

from agent.lm.encoding import encode
from agent.lm.tokenizer import Marker, Vocabulary
from ir_tools.canonical import canonical_text
from ir_tools.llvm import Context

MOST = 800
"""Tokens of a prompt, of the 1,024 that a model from scratch is trained on at once."""

_COUNTED = (
    ":", "br", "switch", "phi", "select", "icmp", "call", "load", "store", "getelementptr",
    "alloca",
)  # fmt: skip
"""What lines are told apart by: six in seven of the corpus begin with one of them."""

HEAD = 2 + len(_COUNTED)
"""Tokens before the code."""


def compact(part: bytes) -> str:
    """The compact text of bitcode with one function. Raises ParseError, EncodingError."""
    with Context() as context, context.parse(part, "part") as module:
        return encode(canonical_text(module))


def prompt(vocabulary: Vocabulary, text: str, most: int) -> list[int]:
    """At most so many tokens for the compact text of a simplified function: a mark, the number of
    its lines, those of frequent kinds, the code."""
    code = shortened(vocabulary, vocabulary.code(text), most - HEAD)
    kinds = collections.Counter(line.partition(" ")[0] for line in text.splitlines())
    counts = (text.count("\n"), *(kinds[kind] for kind in _COUNTED))
    return [vocabulary.marker(Marker.FUNCTION), *map(vocabulary.size, counts), *code]


def shortened(vocabulary: Vocabulary, code: list[int], most: int) -> list[int]:
    """Code of at most so many tokens: what is cut out of its middle leaves a mark."""
    if len(code) <= most:
        return code
    tail = (most - 1) // 2
    return [*code[: most - 1 - tail], vocabulary.marker(Marker.CUT), *code[len(code) - tail :]]
