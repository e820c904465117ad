"""The shortest pipeline for which something still holds, by delta debugging on its flat view.

What is covered: passes are dropped, many at once first; of what is left parameters are dropped, all
and then one by one; managers that `Pipeline.atoms` keeps whole are opened, or lose what is in them.
The result is 1-minimal: each of these steps on it was tried, and did not hold.

What is not covered: an alias such as `default<Oz>` that matters stays; passes are not replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ir_tools.errors import PipelineError
from ir_tools.passes import Pass
from ir_tools.pipeline import Element, Pipeline

T = TypeVar("T")
Holds = Callable[[Pipeline], bool]


def minimal(pipeline: Pipeline, holds: Holds) -> Pipeline:
    """The smallest pipeline found for which `holds`, as it does for the one given.

    `holds` is asked about many that LLVM rejects: for those the answer is no.
    """
    while True:
        pipeline = without_passes(pipeline, holds)
        simpler = next(filter(holds, _simpler(pipeline)), None)
        if simpler is None:
            return pipeline
        pipeline = simpler


def without_passes(pipeline: Pipeline, holds: Holds) -> Pipeline:
    """No pass can be dropped from the result: halves were tried first, then ever smaller parts."""
    size = max(1, len(pipeline.atoms()) // 2)
    while True:
        before = pipeline
        for end in range(len(pipeline.atoms()), 0, -size):
            atoms = pipeline.atoms()
            shorter = Pipeline.of((*atoms[: max(0, end - size)], *atoms[end:]))
            if shorter.elements and holds(shorter):
                pipeline = shorter
        if size == 1 and pipeline == before:
            return pipeline
        size = max(1, size // 2)


def _simpler(pipeline: Pipeline) -> Iterator[Pipeline]:
    """The pipeline with one of its atoms in a simpler form."""
    atoms = pipeline.atoms()
    for index, atom in enumerate(atoms):
        for texts in _forms(Pipeline.parse(atom.text).elements[0]):
            fewer = [Pass(text, atom.scope) for text in texts]
            try:  # parsed once more: what was opened may now be taken apart
                yield Pipeline.parse(
                    str(Pipeline.of((*atoms[:index], *fewer, *atoms[index + 1 :])))
                )
            except PipelineError:
                continue


def _forms(element: Element) -> Iterator[Sequence[str]]:
    """Texts that may stand for the element, each shorter than it."""
    name, body = element.name, element.body
    if body is not None:
        yield [str(inner) for inner in body]
        yield from ([str(Element(name, element.params, fewer))] for fewer in _fewer(body))
    if element.params is not None:
        yield [str(Element(name, None, body))]
        for fewer in _fewer(tuple(element.params.split(";"))):
            yield [str(Element(name, ";".join(fewer), body))]


def _fewer(parts: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    """All parts but one, where that leaves any."""
    if len(parts) > 1:
        for index in range(len(parts)):
            yield (*parts[:index], *parts[index + 1 :])
