"""What becomes of a compiled module in a worker: text, bitcode, code, and what they measure."""

from __future__ import annotations

from envs.evaluation import Artefact, Evaluation, Status
from ir_tools.llvm import Module
from ir_tools.measure import give_own_sections, object_sizes, table_sizes
from ir_tools.target import Target


def render(module: Module, target: Target, artefact: Artefact | None) -> bytes:
    """The artefact; empty where it is the object, which `emit` makes."""
    if artefact is Artefact.IR:
        return str(module).encode(errors="surrogateescape")
    if artefact is Artefact.BITCODE:
        return module.bitcode()
    if artefact is Artefact.ASSEMBLY:
        with module.clone() as copy:
            return copy.emit_assembly(target)
    return b""


def emit(
    module: Module, counts: dict[str, int], target: Target, own_sections: bool
) -> tuple[Evaluation, bytes]:
    """Generate code; the object and its measurements. The module stays as it is."""
    tables = table_sizes(module, target) if own_sections else {}
    with module.clone() as copy:  # as if the IR had been written and read again
        if own_sections:
            give_own_sections(copy)
        image = copy.emit_object(target)
    return _evaluation(counts, image, tables), image


def _evaluation(counts: dict[str, int], image: bytes, tables: dict[str, int]) -> Evaluation:
    sizes = object_sizes(image, list(counts))
    symbols = sizes.symbols
    return Evaluation(
        Status.OK,
        instructions=sum(counts.values()),
        text=sizes.text,
        rodata=sizes.rodata,
        data=sizes.data,
        eh_frame=sizes.eh_frame,
        functions={
            name: (symbols.get(name, 0) + tables.get(name, 0), n) for name, n in counts.items()
        },
    )
