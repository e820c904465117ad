"""Sizes of objects: what counts, what does not, and whose it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ir_tools.errors import ParseError
from ir_tools.llvm import Context
from ir_tools.measure import give_own_sections, object_sizes, section_kind, table_sizes
from ir_tools.process import run_tool
from ir_tools.target import Target, TargetOptions

TEXT = """
target triple = "x86_64-pc-linux-gnu"
@constant = constant [10 x i8] c"0123456789"
@variable = global [20 x i8] c"01234567890123456789"
@zeros = global [1000 x i8] zeroinitializer
define i32 @small(i32 %x) { ret i32 %x }
define void @jumps(i32 %x) {
  switch i32 %x, label %out [ i32 0, label %a  i32 1, label %b  i32 2, label %c  i32 3, label %d
    i32 4, label %e  i32 5, label %f ]
a: call void @first(i32 11) br label %out
b: call void @second(i32 12) br label %out
c: call void @first(i32 13) br label %a
d: call void @second(i32 14) br label %a
e: call void @first(i32 15) br label %b
f: call void @second(i32 16) br label %c
out: ret void
}
declare void @first(i32)
declare void @second(i32)
"""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (".text", "text"), (".text.unlikely.f", "text"), ("__text", "text"), ("CODE", "text"),
        (".init", "text"), (".rodata", "rodata"), (".rodata.str1.1", "rodata"),
        (".rodata.cst16", "rodata"), (".rdata", "rodata"), ("__cstring", "rodata"),
        ("__const", "rodata"), (".data", "data"), (".data.rel.ro", "data"), ("__data", "data"),
        (".init_array", "data"), (".tdata", "data"), ("my_section", "data"), ("DATA", "data"),
        (".bss", "none"), (".tbss", "none"), (".debug_info", "none"), (".comment", "none"),
        (".note.GNU-stack", "none"), (".symtab", "none"), (".rela.text", "none"),
        (".llvm_addrsig", "none"), (".group", "none"), ("", "none"), ("linking", "none"),
        (".eh_frame", "eh_frame"), (".gcc_except_table", "eh_frame"), ("__eh_frame", "eh_frame"),
        (".ARM.exidx.text.f", "eh_frame"), (".pdata", "eh_frame"),
    ],
)  # fmt: skip
def test_a_section_is_known_by_its_name(name: str, kind: str) -> None:
    assert section_kind(name) == kind


def emitted(own_sections: bool) -> bytes:
    with Context() as context, Target() as target:
        module = context.parse(TEXT)
        if own_sections:
            give_own_sections(module)
        return module.emit_object(target)


def test_sizes_agree_with_the_size_program(tmp_path: Path) -> None:
    size = shutil.which("llvm-size-22")
    if size is None:
        pytest.skip("llvm-size-22 is not installed")
    (tmp_path / "a.o").write_bytes(emitted(own_sections=False))
    output = run_tool([size, "-A", str(tmp_path / "a.o")], timeout_s=20).check().stdout.decode()
    rows = (line.split() for line in output.splitlines() if line.startswith("."))
    theirs = {row[0]: int(row[1]) for row in rows}
    sizes = object_sizes((tmp_path / "a.o").read_bytes())
    assert sizes.text == theirs[".text"]
    assert sizes.rodata == theirs[".rodata"]
    assert sizes.data == theirs[".data"] == 20
    assert sizes.eh_frame == theirs[".eh_frame"]
    assert sizes.size == theirs[".text"] + theirs[".rodata"] + 20  # no .bss in flash


def test_in_its_own_section_a_function_owns_its_jump_table() -> None:
    together, apart = object_sizes(emitted(False)), object_sizes(emitted(True))
    tables = apart.symbols["jumps"] - together.symbols["jumps"]
    assert tables == together.rodata - 10 > 0  # all but the constant
    assert together.symbols["small"] == apart.symbols["small"]
    assert together.rodata == apart.rodata


def test_tables_made_from_switches_belong_to_their_function() -> None:
    text = """
    target triple = "x86_64-pc-linux-gnu"
    define i32 @f(i32 %x) {
      switch i32 %x, label %z [ i32 0, label %a  i32 1, label %b  i32 2, label %c  i32 3, label %d]
    a: br label %z
    b: br label %z
    c: br label %z
    d: br label %z
    z: %r = phi i32 [0, %0], [1000003, %a], [77, %b], [-5, %c], [123456, %d]
      ret i32 %r
    }"""
    with Context() as context, Target() as target:
        module = context.parse(text)
        module.run("function(simplifycfg<switch-to-lookup>)", target)
        assert table_sizes(module, target) == {"f": 16}


def test_wasm_functions_have_their_bodies_size() -> None:
    text = "define i32 @f(i32 %x) { ret i32 %x } define void @g() { ret void }"
    with Context() as context, Target(TargetOptions(triple="wasm32")) as target:
        module = context.parse(text)
        module.retarget(target)
        image = module.emit_object(target)
    sizes = object_sizes(image, ["f", "g"])
    assert sizes.symbols["f"] > sizes.symbols["g"] > 0
    assert sizes.symbols["f"] + sizes.symbols["g"] < sizes.text


@pytest.mark.parametrize("data", [b"", b"no object", b"\x7fELF cut"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(ParseError, match="not an object file"):
        object_sizes(data)
