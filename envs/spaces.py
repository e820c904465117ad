"""A Gymnasium space for what has no better one: text, bytes, graphs."""

from __future__ import annotations

from typing import Any

import gymnasium


class Instances(gymnasium.Space[Any]):
    """The values of a type. Nothing can be sampled from it."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self.kind = kind

    def contains(self, x: Any) -> bool:
        return isinstance(x, self.kind)

    @property
    def is_np_flattenable(self) -> bool:
        return False

    def sample(self, mask: Any = None, probability: Any = None) -> Any:
        raise NotImplementedError(f"nobody can make up a {self.kind.__name__}")

    def __repr__(self) -> str:
        return f"Instances({self.kind.__name__})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instances) and other.kind is self.kind

    def __hash__(self) -> int:
        return hash(self.kind)
