"""A function as the model reads it.

What the front end wrote is three times as long as it must be, so the model is shown what a few
cheap passes leave of it (`agent.policy.SIMPLIFIED`): memory in registers, trivial redundancies
gone. Its pipelines are for the function as it was. A function that is too long for the context is
shown with its middle cut out, after a token that says how long it was.
"""

from __future__ import annotations

from agent.lm.encoding import encode
from agent.lm.tokenizer import Marker, Vocabulary
from ir_tools.canonical import canonical_text
from ir_tools.llvm import Context

MOST = 800
"""Tokens of a prompt, of the 1,024 that a model from scratch is trained on at once."""


def compact(part: bytes) -> str:
    """The compact text of bitcode with one function. Raises ParseError, EncodingError."""
    with Context() as context, context.parse(part, "part") as module:
        return encode(canonical_text(module))


def prompt(vocabulary: Vocabulary, text: str, most: int) -> list[int]:
    """At most so many tokens for the compact text of a simplified function: a mark, the number of
    its lines, the code."""
    code = shortened(vocabulary, vocabulary.code(text), most - 2)
    return [vocabulary.marker(Marker.FUNCTION), vocabulary.size(text.count("\n")), *code]


def shortened(vocabulary: Vocabulary, code: list[int], most: int) -> list[int]:
    """Code of at most so many tokens: what is cut out of its middle leaves a mark."""
    if len(code) <= most:
        return code
    tail = (most - 1) // 2
    return [*code[: most - 1 - tail], vocabulary.marker(Marker.CUT), *code[len(code) - tail :]]
