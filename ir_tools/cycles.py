"""A static estimate of a module's running time, from its assembly, through llvm-mca.

What it is: for each basic block the number of cycles in which llvm-mca's model of the processor can
start it again and again (its reciprocal throughput), times ten for each loop around it, summed over
all blocks of all functions. A loop is what lies between a block and the last branch back to it.

What it is not: a measurement, or a time that one run takes. No trip count, input, cache or branch
prediction is known to it, nor a dependency from one instruction to the next; a call costs what the
call instruction does; loops closed through a jump table and instructions that the model does not
know count once and nothing. It compares versions of one program on one processor.
"""

from __future__ import annotations

import collections
import json
import re
import shutil
from dataclasses import dataclass

from ir_tools.errors import ToolError, one_line
from ir_tools.process import run_tool

_TIMEOUT_S = 60.0
_ITERATIONS_OF_A_LOOP = 10.0
_LABEL = re.compile(r'("[^"]*"|[^\s"#:]+):')
_BLOCK = re.compile(r"[.$]?L?BB\d+_\d+")  # what LLVM's targets call a basic block
_TEMPORARY = re.compile(r"[.$]?L?tmp\d+:")  # marks places for unwind tables, within blocks
_INSTRUCTION = re.compile(r"\s+[^\s.#@/;]")


@dataclass(slots=True)
class _Block:
    """A label, which may be a function's name, and the instructions that follow it."""

    label: str
    instructions: list[str]
    depth: int = 0


def cycles(assembly: bytes, triple: str, cpu: str = "") -> float:
    """The estimate for assembly as `Module.emit_assembly` writes it, on the processor `cpu`.

    Without `cpu` it is LLVM's plainest of the architecture. Deterministic for one llvm-mca. Raises
    ToolError when llvm-mca is missing, or has no model of the processor.
    """
    blocks = _blocks(assembly.decode(errors="replace"))
    throughputs = _throughputs(blocks, triple, cpu or _plainest(triple))
    return sum(
        throughput * _ITERATIONS_OF_A_LOOP ** blocks[place].depth
        for place, throughput in throughputs.items()
    )


def _plainest(triple: str) -> str:
    return "x86-64" if triple.startswith("x86_64") else "generic"


def _blocks(assembly: str) -> list[_Block]:
    """The blocks in order, with the number of loops around each."""
    blocks = [_Block("", [])]
    for line in assembly.splitlines():
        if (label := _LABEL.match(line)) and not _TEMPORARY.match(line):
            blocks.append(_Block(label[1], []))
        elif _INSTRUCTION.match(line):
            blocks[-1].instructions.append(line)
    for first, last in _loops(blocks).items():
        for block in blocks[first : last + 1]:
            block.depth += 1
    return blocks


def _loops(blocks: list[_Block]) -> dict[int, int]:
    """The first block of each loop, and the last that branches back to it, by their places."""
    places = {block.label: place for place, block in enumerate(blocks)}
    last: dict[int, int] = collections.defaultdict(int)
    for place, block in enumerate(blocks):
        for label in _BLOCK.findall("\n".join(block.instructions)):
            if places.get(label, place + 1) <= place:
                last[places[label]] = place
    return last


def _throughputs(blocks: list[_Block], triple: str, cpu: str) -> dict[int, float]:
    """Cycles of each block that has instructions, by its place."""
    regions = [
        "\n".join(
            (f"/* LLVM-MCA-BEGIN {place} */", *block.instructions, f"/* LLVM-MCA-END {place} */\n")
        )
        for place, block in enumerate(blocks)
        if block.instructions
    ]
    if not regions:
        return {}
    options = [f"-mtriple={triple}", f"-mcpu={cpu}", "-json", "-iterations=1"]
    options.append("-skip-unsupported-instructions=any")
    result = run_tool(
        [_llvm_mca(), *options], timeout_s=_TIMEOUT_S, stdin="".join(regions).encode()
    )
    if result.returncode or result.timed_out:
        raise ToolError(f"llvm-mca: {_reason(result.stderr) or result.ending}")
    return {
        int(region["Name"]): region["SummaryView"]["BlockRThroughput"]
        for region in json.loads(result.stdout)["CodeRegions"]
    }


def _reason(stderr: bytes) -> str:
    """The first error, which the notes and warnings of every call hide."""
    lines = stderr.decode(errors="replace").splitlines()
    return one_line(next((line for line in lines if "error:" in line), ""))


def _llvm_mca() -> str:
    found = shutil.which("llvm-mca-22")
    if found is None:
        raise ToolError("llvm-mca-22 not found: run 'apt-get install llvm-22'")
    return found
