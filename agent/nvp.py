"""Policies that look at the function: `nvp` and `neighbour`, both on measurements of training ones.

`nvp` is after normalised value prediction (Liang et al., ICML 2023): a forest, fitted to the value
of each pipeline of a coreset, says which training functions one with such features is like, and how
much. The pipeline of the highest value over those comes first, then, each time, the one that adds
most to those before it. `neighbour` proposes what is best for the most similar training function,
then for the next one: the yardstick for it.

What they know is in one file, which `ozone nvp` makes from the training split of a corpus. numpy
reads it and predicts.
"""

from __future__ import annotations

import functools
import io
import zipfile
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agent.output import write_file
from agent.policy import Proposals
from envs.evaluation import FunctionInfo
from ir_tools.errors import OzoneError
from ir_tools.features import autophase, inst_count
from ir_tools.llvm import Context
from ir_tools.pipeline import Pipeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHIPPED = "data/nvp.npz"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was measured on training functions, and a forest fitted to it.

    pipelines   the coreset's, as text, in greedy order
    features    of each training function, as `features` gives them
    values      of each pipeline for each of them: see `agent.nvp_training`; positive when it helps
    roots       the first node of each tree
    asks        the feature that a node looks at; -1 in a leaf
    threshold   at most which one goes left
    left, right the next nodes
    leaves      for each tree, the leaf of each training function
    """

    pipelines: NDArray
    features: NDArray
    values: NDArray
    roots: NDArray
    asks: NDArray
    threshold: NDArray
    left: NDArray
    right: NDArray
    leaves: NDArray

    def write(self, path: Path) -> None:
        """Raises OzoneError."""
        data = io.BytesIO()
        np.savez_compressed(data, **{each.name: getattr(self, each.name) for each in fields(self)})
        write_file(path, data.getvalue())

    @classmethod
    def read(cls, data: bytes, name: str) -> Knowledge:
        """Raises OzoneError."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return cls(**{each.name: arrays[each.name] for each in fields(cls)})
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise OzoneError(f"{name} is not made by 'ozone nvp': make it anew") from error

    def pipeline(self, index: int) -> Pipeline:
        return Pipeline.parse(str(self.pipelines[index]))

    def alike(self, asked: NDArray) -> NDArray:
        """How much each training function counts for one with these features; 1 in sum.

        The mean over trees of what shares its leaf: the weights with which a forest predicts.
        """
        shares = self.leaves == np.array([[self._leaf(root, asked)] for root in self.roots])
        return (shares / shares.sum(1, keepdims=True)).mean(0)

    def _leaf(self, node: int, asked: NDArray) -> int:
        while self.asks[node] >= 0:
            goes_left = asked[self.asks[node]] <= self.threshold[node]
            node = int((self.left if goes_left else self.right)[node])
        return node

    def order(self, asked: NDArray, size: int) -> list[int]:
        """So many pipelines for a function with these features: each adds most to those before it,
        over the training functions that it is like."""
        weights = self.alike(asked)
        counts = weights > 0
        return cover(self.values[counts].astype(float), weights[counts], size)

    def nearest(self, asked: NDArray) -> NDArray:
        """The training functions, the most similar first, by the logarithms of their counts."""
        known = np.log1p(self.features)
        spread = known.std(0)
        spread[spread == 0] = np.inf  # what never differs tells nothing
        distances = np.linalg.norm((known - np.log1p(asked)) / spread, axis=1)
        return np.argsort(distances, kind="stable")


@functools.cache
def shipped() -> Knowledge:
    """What comes with Ozone. Raises OzoneError where it is missing."""
    file = resources.files("agent").joinpath(SHIPPED)
    if not file.is_file():
        raise OzoneError(f"agent/{SHIPPED} is missing: make it with 'ozone nvp STORE'")
    return Knowledge.read(file.read_bytes(), f"agent/{SHIPPED}")


def features(part: bytes) -> NDArray:
    """The numbers of a part by which functions are compared. Raises ParseError."""
    with Context() as context, context.parse(part, "part") as module:
        return np.array([*autophase(module), *inst_count(module)], np.float32)


def cover(values: NDArray, weights: NDArray, size: int) -> list[int]:
    """So many columns, greedily: each adds most to the weighted sum of rows' best values so far.

    No value counts as less than 0. Those that add nothing come last, in their own order.
    """
    best, chosen = np.zeros(len(values)), list[int]()
    for _ in range(min(size, values.shape[1])):
        gains = weights @ np.maximum(values - best[:, None], 0)
        gains[chosen] = -1
        chosen.append(int(gains.argmax()))
        best = np.maximum(best, values[:, chosen[-1]])
    return chosen


class NvpPolicy:
    """The coreset in an order for this function; in its own where the part is not known."""

    adaptive = False
    reads_part = True

    def __init__(self, knowledge: Knowledge | None = None) -> None:
        self._knowledge = knowledge or shipped()

    def propose(self, function: FunctionInfo, budget: int) -> Proposals:
        known = self._knowledge
        order = list(range(len(known.pipelines)))
        if function.part:
            order = known.order(features(function.part), budget)
        for index in order[:budget]:
            yield known.pipeline(index)


class NeighbourPolicy:
    """What is best for the nearest training function, for the next one, and so on."""

    adaptive = False
    reads_part = True

    def __init__(self, knowledge: Knowledge | None = None) -> None:
        self._knowledge = knowledge or shipped()

    def propose(self, function: FunctionInfo, budget: int) -> Proposals:
        known, best = self._knowledge, list[int]()
        if function.part:
            nearest = known.nearest(features(function.part))
            best = known.values[nearest].argmax(1).tolist()
        for index in list(dict.fromkeys([*best, *range(len(known.pipelines))]))[:budget]:
            yield known.pipeline(index)
