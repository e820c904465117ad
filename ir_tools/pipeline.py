"""Pass pipelines: the text that `opt -passes=` reads, as an immutable value.

A pipeline has two views. The tree of `Element`s is the text to the letter: parsing and printing
give the same characters back. The flat view, `atoms()`, is a list of `Pass`es, each with the scope
that it runs in; policies edit it, and `Pipeline.of` groups it again.

Syntax is checked here, names and parameters are LLVM's business: an unknown pass parses. As in
LLVM there is no white space between tokens, and `,`, `(` and `)` cannot occur in parameters.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ir_tools.errors import PipelineError
from ir_tools.passes import BY_NAME, Pass, Scope

# A name may end in a bracketed part of its own, as in `print<access-info><allow-partial>`.
_LABEL = re.compile(r"([^,()<>\s\0]+(?:<[^,()<>\0]*>(?=<))?)(?:<([^,()\0]*)>)?")
_BREAK = re.compile(r"[,()\0]|\Z")

_MAX_DEPTH = 50  # LLVM's own pipelines nest five deep; a deeper text must not exhaust our stack

_PATHS: dict[Scope, tuple[str, ...]] = {
    Scope.MODULE: (),
    Scope.CGSCC: ("cgscc",),
    Scope.FUNCTION: ("function",),
    Scope.LOOP: ("function", "loop"),
    Scope.LOOP_MSSA: ("function", "loop-mssa"),
}
"""The managers, outermost first, that `Pipeline.of` puts around a pass."""

_SCOPES = {path: scope for scope, path in _PATHS.items()}

# LLVM takes the outermost manager from the first element: these, or a pass of the catalogue.
_LEADERS: dict[str, Scope] = {
    **dict.fromkeys(("module", "cgscc", "function", "coro-cond"), Scope.MODULE),
    **dict.fromkeys(("default", "lto", "lto-pre-link", "fatlto-pre-link"), Scope.MODULE),
    **dict.fromkeys(("thinlto", "thinlto-pre-link"), Scope.MODULE),
    "devirt": Scope.CGSCC,
    **dict.fromkeys(("loop", "loop-mssa"), Scope.FUNCTION),
}


@dataclass(frozen=True, slots=True)
class Element:
    """A pass or a manager: `name`, `name<params>`, `name(body)` or `name<params>(body)`.

    `params` is None without brackets and empty for `<>`. Raises PipelineError for parts that would
    not parse back to the same element, as deeper nesting than 50 managers would not.
    """

    name: str
    params: str | None = None
    body: tuple[Element, ...] | None = None

    def __post_init__(self) -> None:
        label = _LABEL.fullmatch(self._label)
        if label is None or label.groups() != (self.name, self.params) or self.body == ():
            raise PipelineError(f"not an element of a pipeline: {self!r}")
        if self._depth > _MAX_DEPTH:
            raise PipelineError(f"'{self}': more than {_MAX_DEPTH} managers inside each other")

    @property
    def _depth(self) -> int:
        return 0 if self.body is None else 1 + max(inner._depth for inner in self.body)

    @property
    def _label(self) -> str:
        return self.name if self.params is None else f"{self.name}<{self.params}>"

    def __str__(self) -> str:
        return self._label if self.body is None else f"{self._label}({_join(self.body)})"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A list of elements. The empty one prints as the empty text and does nothing.

    `insert`, `delete`, `replace`, `swap` and `+` work on the flat view and return what `of` makes
    of it, so new neighbours of one scope share a manager. Indices work as in a list.
    """

    elements: tuple[Element, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Pipeline:
        """The pipeline that prints as `text`.

        Raises PipelineError, with the column and what was expected there, where LLVM would reject
        the text whatever its names mean, and for managers nested more than 50 deep.
        """
        if not text:
            return cls()
        elements, position = _parse_list(text, 0, 0)
        if position < len(text):
            raise _syntax_error(text, position, "',' or the end")
        return cls(elements)

    @classmethod
    def of(cls, atoms: Iterable[Pass]) -> Pipeline:
        """The pipeline that runs `atoms` in this order.

        Neighbours of one scope share a manager: `sroa, loop-rotate, licm, gvn` becomes
        `function(sroa,loop(loop-rotate),loop-mssa(licm),gvn)`. Raises PipelineError for an atom
        that is not exactly one element.
        """
        elements = _group(atoms, 0)
        if elements and _outer_scope(elements) is not Scope.MODULE:
            elements = (Element("module", body=elements),)  # or LLVM would guess another manager
        return cls(elements)

    def atoms(self) -> tuple[Pass, ...]:
        """The flat view: passes and the scopes they run in.

        Nothing is lost: `of(p.atoms())` means what `p` means, and is `p` where `of` made `p` from
        single passes. What a flat list cannot say stays whole, as one atom in the scope around it:
        managers with parameters, `devirt`, `repeat`, functions inside a CGSCC, and the second of
        two neighbours such as `loop(…),loop(…)`, which is not the same as one `loop(…,…)`.

        Raises PipelineError where it cannot know which manager LLVM chooses for the whole, because
        the catalogue lacks the first pass.
        """
        if not self.elements:
            return ()
        if len(self.elements) == 1 and (body := _plain_body(self.elements[0], "module")):
            return tuple(_flatten(body, Scope.MODULE))
        scope = _outer_scope(self.elements)
        if scope is None:
            raise PipelineError(
                f"pipeline '{self}': the scope of '{self.elements[0]}' is not known: "
                "write the manager around it, for example function(…)"
            )
        return tuple(_flatten(self.elements, scope))

    def insert(self, index: int, atom: Pass) -> Pipeline:
        """This pipeline with `atom` before the one at `index`."""
        atoms = list(self.atoms())
        atoms.insert(index, atom)
        return Pipeline.of(atoms)

    def delete(self, index: int) -> Pipeline:
        """This pipeline without the atom at `index`."""
        atoms = list(self.atoms())
        del atoms[index]
        return Pipeline.of(atoms)

    def replace(self, index: int, atom: Pass) -> Pipeline:
        """This pipeline with `atom` for the one at `index`."""
        atoms = list(self.atoms())
        atoms[index] = atom
        return Pipeline.of(atoms)

    def swap(self, first: int, second: int) -> Pipeline:
        """This pipeline with two atoms exchanged."""
        atoms = list(self.atoms())
        atoms[first], atoms[second] = atoms[second], atoms[first]
        return Pipeline.of(atoms)

    def __add__(self, other: Pipeline) -> Pipeline:
        return Pipeline.of((*self.atoms(), *other.atoms()))

    @property
    def function_text(self) -> str:
        """The text for a function's pass manager, as LLVMRunPassesOnFunction takes it.

        Raises PipelineError when something runs on more than a function.
        """
        bodies = []
        for element in Pipeline.of(self.atoms()).elements:
            body = _plain_body(element, "function")
            if body is None:
                raise PipelineError(f"pipeline '{self}': '{element}' runs on more than a function")
            bodies.append(_join(body))
        return ",".join(bodies) or "no-op-function"  # a function's manager takes no empty text

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that name the text, the same in every process."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return _join(self.elements)


def _join(elements: tuple[Element, ...]) -> str:
    return ",".join(map(str, elements))


def _parse_list(text: str, position: int, depth: int) -> tuple[tuple[Element, ...], int]:
    """The elements from `position` on, and the position after the last one."""
    elements = []
    while True:
        element, position = _parse_element(text, position, depth)
        elements.append(element)
        if not text.startswith(",", position):
            return tuple(elements), position
        position += 1


def _parse_element(text: str, position: int, depth: int) -> tuple[Element, int]:
    label = _LABEL.match(text, position)
    if label is None:
        raise _syntax_error(text, position, "a pass name")
    name, params = label.groups()
    position = label.end()
    if text.startswith("<", position):
        raise _syntax_error(text, _break_after(text, position), "'>'")
    if not text.startswith("(", position):
        return Element(name, params), position
    if depth == _MAX_DEPTH:
        raise _syntax_error(text, position, f"at most {_MAX_DEPTH} managers inside each other")
    body, position = _parse_list(text, position + 1, depth + 1)
    if not text.startswith(")", position):
        raise _syntax_error(text, position, "',' or ')'")
    return Element(name, params, body), position + 1


def _break_after(text: str, position: int) -> int:
    match = _BREAK.search(text, position)
    assert match is not None  # the end of the text matches
    return match.start()


def _syntax_error(text: str, position: int, expected: str) -> PipelineError:
    found = repr(text[position]) if position < len(text) else "the end"
    return PipelineError(
        f"pipeline '{text}', column {position + 1}: expected {expected}, found {found}"
    )


def _plain_body(element: Element, manager: str) -> tuple[Element, ...] | None:
    """What stands in `manager(…)`; None when the element is anything else."""
    return element.body if element.name == manager and element.params is None else None


def _outer_scope(elements: tuple[Element, ...]) -> Scope | None:
    """The scope in which LLVM reads a whole text; None when that is not known here."""
    known = [BY_NAME[e.name].scope if e.name in BY_NAME else None for e in elements]
    first = _LEADERS.get(elements[0].name, known[0])
    # An unknown leader is a module pass where a module pass follows: nothing else holds one.
    return Scope.MODULE if first is None and Scope.MODULE in known else first


def _single(text: str) -> Element:
    elements = Pipeline.parse(text).elements
    if len(elements) != 1:
        raise PipelineError(f"'{text}' is {len(elements)} elements: an atom is exactly one")
    return elements[0]


def _group(atoms: Iterable[Pass], depth: int) -> tuple[Element, ...]:
    """`atoms` as elements of a manager `depth` levels down their scopes' paths."""

    def manager(atom: Pass) -> str | None:
        path = _PATHS[atom.scope]
        return path[depth] if depth < len(path) else None

    elements: list[Element] = []
    for name, neighbours in itertools.groupby(atoms, manager):
        if name is None:
            elements.extend(_single(atom.text) for atom in neighbours)
        else:
            elements.append(Element(name, body=_group(neighbours, depth + 1)))
    return tuple(elements)


def _flatten(elements: tuple[Element, ...], scope: Scope) -> Iterator[Pass]:
    """The atoms that `_group` turns into `elements` again."""
    opened = None  # the scope of the manager just before, which would swallow a second one like it
    for element in elements:
        body = _plain_body(element, element.name)
        inner = _SCOPES.get((*_PATHS[scope], element.name))
        if body is None or inner is None or inner == opened:
            yield Pass(str(element), scope)
            opened = None
        else:
            yield from _flatten(body, inner)
            opened = inner
