"""`ir_tools.cycles`: what a block and a loop count, by hand; what is refused."""

from __future__ import annotations

import shutil

import pytest

from ir_tools.cycles import cycles
from ir_tools.errors import ToolError
from ir_tools.llvm import Context
from ir_tools.target import Target, TargetOptions
from tests.conftest import CompileC

MATRICES = """
void multiply(int n, double a[n][n], double b[n][n], double c[n][n]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      for (int k = 0; k < n; k++) c[i][j] += a[i][k] * b[k][j];
}
double trace(int n, double a[n][n]) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += a[i][i];
  return sum;
}
"""
X86 = "x86_64-unknown-linux-gnu"

pytestmark = pytest.mark.skipif(
    shutil.which("llvm-mca-22") is None, reason="llvm-mca-22 is not installed"
)


def multiply(times: int) -> str:
    """So many multiplications: one starts each cycle on the one port that multiplies."""
    return "\timulq\t%rax, %rcx\n" * times


def test_an_empty_module_takes_no_time() -> None:
    assert cycles(b'\t.text\n\t.ident\t"nothing"\n', X86) == 0.0


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_block_takes_as_long_as_its_busiest_port(times: int) -> None:
    assert cycles(f"f:\n{multiply(times)}".encode(), X86) == times


def test_a_loop_counts_ten_times_for_each_loop_around_it() -> None:
    nested = (
        f"f:\n{multiply(1)}.LBB0_1:\n{multiply(2)}.LBB0_2:\n{multiply(3)}\tjne\t.LBB0_2\n"
        f"{multiply(4)}\tjne\t.LBB0_1\n.LBB0_3:\n{multiply(5)}"
    )
    # What follows the inner loop's branch has no label, so that it counts as part of that loop.
    assert cycles(nested.encode(), X86) == 1 + 10 * 2 + 100 * (3 + 4) + 5


def test_branches_forward_and_calls_of_earlier_functions_close_no_loop() -> None:
    text = (
        f"f:\n{multiply(1)}\tjne\t.LBB0_1\n{multiply(1)}.LBB0_1:\n{multiply(1)}"
        f"g:\n{multiply(1)}\tjmp\tf\n"
    )
    assert cycles(text.encode(), X86) == 4


def test_a_branch_to_a_block_without_instructions_closes_a_loop() -> None:
    text = f"f:\n.LBB0_1:\n.LBB0_2:\n{multiply(1)}.Ltmp0:\n{multiply(1)}\tjne\t.LBB0_1\n"
    assert cycles(text.encode(), X86) == 20


def test_processors_differ() -> None:
    text = f"f:\n\tdivq\t%rcx\n{multiply(1)}".encode()
    assert cycles(text, X86) != cycles(text, X86, "znver4")


def test_a_processor_without_a_model_is_an_error_of_one_line() -> None:
    with pytest.raises(ToolError, match=r"llvm-mca: .*scheduling information.*generic") as caught:
        cycles(b"f:\n\tadd a0, a0, a0\n", "riscv64-linux-gnu", "generic-rv64")
    assert "\n" not in str(caught.value)


def test_without_llvm_mca_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolError, match="apt-get install llvm-22"):
        cycles(f"f:\n{multiply(1)}".encode(), X86)


@pytest.mark.parametrize(
    ("triple", "cpu"),
    [
        (X86, ""),
        ("aarch64-unknown-linux-gnu", ""),
        ("i686-unknown-linux-gnu", ""),
        ("armv7-unknown-linux-gnueabihf", "cortex-a57"),
        ("x86_64-apple-macosx", ""),
    ],
)
def test_programs_have_an_estimate_for_every_target(
    triple: str, cpu: str, compile_c: CompileC, context: Context
) -> None:
    """And the same one each time."""
    texts = []
    for pipeline in ("", "default<Oz>"):
        with (
            context.parse(compile_c(MATRICES, "m.c", "-target", triple).data) as module,
            Target(TargetOptions(triple=triple), module) as target,
        ):
            module.run(pipeline, target)
            texts.append(module.emit_assembly(target))
    unoptimised, optimised = (cycles(text, triple, cpu) for text in texts)
    assert 0 < optimised < unoptimised
    assert cycles(texts[0], triple, cpu) == unoptimised
