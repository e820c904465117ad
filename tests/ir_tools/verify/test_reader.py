"""What is read is what LLVM means: types with their layout, flags, attributes, promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from ir_tools.llvm import Context
from ir_tools.verify import ir
from ir_tools.verify.reader import read_module

HEAD = 'target datalayout = "e-p:64:64-p1:32:32:32:16-i64:64-i128:128-n8:16:32:64-S128"\n'
I32, PTR = ir.IntType(32), ir.PointerType()


def read(text: str) -> ir.Module:
    with Context() as context, context.parse(HEAD + text) as module:
        return read_module(module)


def body(text: str, parameters: str = "i32 %x, i32 %y, ptr %p, double %d") -> list[ir.Instruction]:
    module = read(f"define void @f({parameters}) {{\n{text}\nret void\n}}")
    return list(module.functions["f"].instructions())[:-1]


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ("add nuw nsw i32 %x, %y", {"nuw", "nsw"}),
        ("add i32 %x, %y", set()),
        ("sdiv exact i32 %x, %y", {"exact"}),
        ("or disjoint i32 %x, %y", {"disjoint"}),
        ("zext nneg i32 %x to i64", {"nneg"}),
        ("uitofp nneg i32 %x to float", {"nneg"}),
        ("trunc nuw i32 %x to i8", {"nuw"}),
        ("icmp samesign ult i32 %x, %y", {"samesign"}),
        ("getelementptr inbounds i32, ptr %p, i32 %x", {"inbounds", "nusw"}),
        ("getelementptr nuw i8, ptr %p, i32 %x", {"nuw"}),
        ("load volatile i32, ptr %p", {"volatile"}),
        ("fadd nnan nsz double %d, %d", {"nnan", "nsz"}),
        ("fneg fast double %d", {"reassoc", "nnan", "ninf", "nsz", "arcp", "contract", "afn"}),
    ],
)
def test_flags(line: str, flags: set[str]) -> None:
    (instruction,) = body(f"%r = {line}")
    assert instruction.flags == flags
    assert instruction.opcode == line.split(maxsplit=1)[0]


def test_operands_come_in_the_order_of_the_text() -> None:
    store, gep, select = body(
        "store i32 %x, ptr %p, align 2\n"
        "%g = getelementptr {i8, i32}, ptr %p, i64 1, i32 1\n"
        "%s = select i1 true, i32 %x, i32 %y"
    )
    assert (store.operands, store.align) == ((ir.Local(I32, "%x"), ir.Local(PTR, "%p")), 2)
    assert gep.subject == ir.StructType((ir.IntType(8), I32))
    assert gep.operands[1:] == (ir.ConstantInt(ir.IntType(64), 1), ir.ConstantInt(I32, 1))
    assert [str(operand) for operand in select.operands] == ["1", "%x", "%y"]


def test_control_flow() -> None:
    module = read("""
define i32 @f(i32 %x, i1 %c) {
  br i1 %c, label %a, label %b
a:
  switch i32 %x, label %b [ i32 7, label %d
                            i32 -1, label %b ]
b:
  br label %d
d:
  %r = phi i32 [ 1, %a ], [ %x, %b ]
  ret i32 %r
}""")
    function = module.functions["f"]
    assert [block.name for block in function.blocks] == ["%0", "%a", "%b", "%d"]
    branch, switch, jump, phi, _ = function.instructions()
    assert (branch.targets, str(branch.operands[0])) == (("%a", "%b"), "%c")
    assert (switch.targets, switch.cases) == (("%b", "%d", "%b"), (7, 2**32 - 1))
    assert (jump.targets, jump.operands) == (("%d",), ())
    assert (phi.targets, [*map(str, phi.operands)]) == (("%a", "%b"), ["1", "%x"])


def test_constants_are_exact_whatever_their_width() -> None:
    module = read("""
@wide = constant i129 680564733841876926926749214863536422911
@nan = constant double 0x7FF8000000000001
@half = constant half 0xH3C00
@text = constant [3 x i8] c"ab\\00"
@mixed = constant {i8, ptr, [2 x i16]} {i8 poison, ptr @text, [2 x i16] zeroinitializer}
@inside = constant ptr getelementptr inbounds (i8, ptr @text, i64 1)
""")
    values = {name: variable.initializer for name, variable in module.variables.items()}
    assert values["wide"] == ir.ConstantInt(ir.IntType(129), 2**129 - 1)
    assert values["nan"] == ir.ConstantFloat(ir.FloatType("double"), 0x7FF8000000000001)
    assert values["half"] == ir.ConstantFloat(ir.FloatType("half"), 0x3C00)
    assert isinstance(values["text"], ir.Data)
    assert values["text"].raw == b"ab\0"
    mixed, inside = values["mixed"], values["inside"]
    assert isinstance(mixed, ir.Aggregate)
    assert mixed.elements[0] == ir.Poison(ir.IntType(8))
    assert mixed.elements[1] == ir.GlobalRef(PTR, "text")
    assert isinstance(mixed.elements[2], ir.Zero)
    assert isinstance(inside, ir.Expression)
    assert inside.instruction.opcode == "getelementptr"


def test_attributes_of_functions_and_calls() -> None:
    module = read("""
declare nonnull ptr @g(i32 range(i32 -2, 5), ptr align 8 dereferenceable(16), ...) memory(read)
define range(i8 1, 0) i8 @f(ptr noundef byval({i32, i64}) %p, i32 range(i32 0, 9) %x) nounwind {
  %r = call noundef ptr (i32, ptr, ...) @g(i32 range(i32 3, 4) %x, ptr nonnull %p, i8 1) willreturn
  ret i8 1
}""")
    g, f = module.functions["g"], module.functions["f"]
    assert g.type.is_vararg
    assert not g.blocks
    assert g.result == {"nonnull": 0}
    assert g.parameters[0].attributes["range"] == (2**32 - 2, 5)
    assert g.parameters[1].attributes == {"align": 8, "dereferenceable": 16}
    assert "memory" in g.attributes
    assert f.result["range"] == (1, 0)
    assert f.parameters[0].attributes["byval"] == ir.StructType((I32, ir.IntType(64)))
    assert f.parameters[1].attributes["range"] == (0, 9)
    call = next(f.instructions()).call
    assert call is not None
    assert call.name == "g"
    assert call.result == {"noundef": 0}
    assert call.parameters[0]["range"] == (3, 4)
    assert call.parameters[1] == {"nonnull": 0}
    assert "willreturn" in call.attributes


def test_promises_of_metadata_and_of_assume() -> None:
    load, other, assume = body(
        "%v = load i32, ptr %p, !range !{i32 -1, i32 4}, !noundef !{}\n"
        "%q = load ptr, ptr %p, !align !{i64 16}, !nonnull !{}\n"
        'call void @llvm.assume(i1 true) ["align"(ptr %p, i64 8)]'
    )
    assert load.metadata == {"range": (2**32 - 1, 4), "noundef": ()}
    assert other.metadata == {"align": (16,), "nonnull": ()}
    assert assume.call is not None
    ((tag, values),) = assume.call.bundles
    assert tag == "align"
    assert [*map(str, values)] == ["%p", "8"]


def test_layout_is_that_of_the_module() -> None:
    module = read("""
@s = global {i8, i64, i24} zeroinitializer
@v = global <3 x i16> zeroinitializer
@p = global ptr addrspace(1) null
""")
    layout = module.layout
    assert layout.extent(module.variables["s"].type) == ir.Extent(24, 24, 8, (0, 8, 16))
    assert layout.extent(ir.VectorType(3, ir.IntType(16))).store == 6
    assert (layout.pointer_bits[1], layout.index_bits[1]) == (32, 16)
    assert layout.pointer_bits[0] == layout.index_bits[0] == 64
    assert layout.little_endian


def test_a_structure_that_nests_itself_twice_at_each_level_ends() -> None:
    levels = "\n".join(f"%s{n} = type {{ %s{n - 1}, %s{n - 1} }}" for n in range(1, 40))
    module = read(f"%s0 = type {{ i8, i8 }}\n{levels}\n@g = external global %s39")
    assert isinstance(module.variables["g"].type, ir.OtherType)


def test_a_large_structure_is_called_the_same_whenever_it_is_read() -> None:
    levels = "\n".join(f"%{n} = type {{ %{n - 1}, %{n - 1} }}" for n in range(1, 16))
    rest = f"{levels}\n@g = external global %15"
    types = [
        read(f"%0 = type {{ {first}, i8 }}\n{rest}").variables["g"].type
        for first in ("i8", "i8", "i16")
    ]
    assert types[0] == types[1] != types[2]
    assert isinstance(types[0], ir.OtherType)


def test_what_no_judge_understands_is_named() -> None:
    module = read("""
define void @f(<vscale x 2 x i32> %v) {
  call void asm sideeffect "nop", ""()
  ret void
}""")
    function = module.functions["f"]
    assert function.type.parameters == (ir.OtherType("<vscale x 2 x i32>"),)
    call = next(function.instructions()).call
    assert call is not None
    assert isinstance(call.callee, ir.Other)


def test_every_pair_of_the_shared_set_can_be_read(shared: Path) -> None:
    for path in sorted((shared / "verify-pairs").glob("*.ll")):
        with Context() as context, context.parse(path.read_bytes(), path.name) as module:
            functions = read_module(module).functions
        defined = [each for each in functions.values() if each.blocks]
        assert len(defined) > 1
        assert all(block.instructions for each in defined for block in each.blocks)


def test_what_an_access_asks_of_other_threads_is_read_to_the_last_word() -> None:
    text = """
define void @f(ptr %p) {
  fence syncscope("singlethread") seq_cst
  %x = cmpxchg weak ptr %p, i32 0, i32 1 acq_rel monotonic, align 4
  %v = load atomic i32, ptr %p acquire, align 4
  %w = load i32, ptr %p
  ret void
}
"""
    with Context() as context, context.parse(text.encode(), "") as parsed:
        function = read_module(parsed).functions["f"]
    orderings = [each.ordering for each in function.instructions()]
    assert orderings == ["seq_cst syncscope 0", "acq_rel monotonic weak", "acquire", "", ""]
