"""Laws, each with a twin that must be refused: undefined behaviour, poison, memory, calls."""

from __future__ import annotations

import itertools

import pytest

from ir_tools.llvm import Context
from ir_tools.verify import ir
from ir_tools.verify.interpreter import interpreter
from ir_tools.verify.interpreter.concrete import POISON, Address, Concrete, Undef
from ir_tools.verify.interpreter.given import Input
from ir_tools.verify.interpreter.inputs import inputs
from ir_tools.verify.interpreter.interpreter import Outcome, Status, run
from ir_tools.verify.interpreter.refinement import judge, refines
from ir_tools.verify.interpreter.rendering import counterexample
from ir_tools.verify.reader import read_module


def parsed(text: str) -> ir.Module:
    with Context() as context, context.parse(text) as module:
        return read_module(module)


def outcome(text: str, *arguments: Concrete, block_bytes: int = 16) -> Outcome:
    """Of @f in the text, or of a function with this body that takes i8s or a pointer %p."""
    if "define" not in text:
        takes = "ptr %p" if arguments and isinstance(arguments[0], Address) else ", ".join(
            f"i8 %{name}" for name, _ in zip("abcd", arguments, strict=False)
        )  # fmt: skip
        text = f"define i8 @f({takes}) {{ {text} }}"
    given = Input(arguments)
    given.add("p", block_bytes, style="small")
    return run(parsed(text), "f", given)


P = Address("p", 0)

# body, arguments, result: POISON, an int, or the Status that it ends with
LAWS = [
    ("%r = add nsw i8 %a, %b ret i8 %r", (127, 1), POISON),
    ("%r = add nsw i8 %a, %b ret i8 %r", (126, 1), 127),
    ("%r = add nuw i8 %a, %b ret i8 %r", (255, 1), POISON),
    ("%r = add nuw i8 %a, %b ret i8 %r", (254, 1), 255),
    ("%r = sub nuw i8 %a, %b ret i8 %r", (1, 2), POISON),
    ("%r = sub nsw i8 %a, %b ret i8 %r", (1, 2), 255),
    ("%r = mul nsw i8 %a, %b ret i8 %r", (64, 2), POISON),
    ("%r = mul nuw i8 %a, %b ret i8 %r", (64, 2), 128),
    ("%r = shl i8 %a, %b ret i8 %r", (1, 8), POISON),
    ("%r = shl nsw i8 %a, %b ret i8 %r", (1, 7), POISON),
    ("%r = shl nuw i8 %a, %b ret i8 %r", (1, 7), 128),
    ("%r = lshr exact i8 %a, %b ret i8 %r", (5, 1), POISON),
    ("%r = lshr exact i8 %a, %b ret i8 %r", (4, 1), 2),
    ("%r = ashr i8 %a, %b ret i8 %r", (128, 7), 255),
    ("%r = udiv exact i8 %a, %b ret i8 %r", (5, 2), POISON),
    ("%r = udiv i8 %a, %b ret i8 %r", (5, 0), Status.UB),
    ("%r = udiv i8 %a, %b ret i8 %r", (5, POISON), Status.UB),
    ("%r = udiv i8 %a, %b ret i8 %r", (POISON, 5), POISON),
    ("%r = sdiv i8 %a, %b ret i8 %r", (128, 255), Status.UB),
    ("%r = srem i8 %a, %b ret i8 %r", (128, 255), Status.UB),
    ("%r = srem i8 %a, %b ret i8 %r", (249, 2), 255),
    ("%r = or disjoint i8 %a, %b ret i8 %r", (3, 1), POISON),
    ("%r = or disjoint i8 %a, %b ret i8 %r", (2, 1), 3),
    ("%c = icmp samesign ult i8 %a, %b %r = zext i1 %c to i8 ret i8 %r", (1, 128), POISON),
    ("%c = icmp ult i8 %a, %b %r = zext i1 %c to i8 ret i8 %r", (1, 128), 1),
    ("%c = trunc nuw i8 %a to i4 %r = zext i4 %c to i8 ret i8 %r", (16,), POISON),
    ("%c = trunc nsw i8 %a to i4 %r = sext i4 %c to i8 ret i8 %r", (248,), 248),
    ("%c = zext nneg i8 %a to i16 %r = trunc i16 %c to i8 ret i8 %r", (128,), POISON),
    ("%c = icmp eq i8 %a, 0 br i1 %c, label %x, label %x\nx: ret i8 1", (POISON,), Status.UB),
    ("%c = icmp eq i8 %a, 0 br i1 %c, label %x, label %x\nx: ret i8 1", (3,), 1),
    ("%c = icmp eq i8 %a, 0 %r = select i1 %c, i8 %a, i8 7 ret i8 %r", (POISON,), POISON),
    ("%c = icmp eq i8 %a, 0 %r = select i1 %c, i8 %b, i8 7 ret i8 %r", (1, POISON), 7),
    ("%r = freeze i8 %a ret i8 %r", (POISON,), 0),
    ("unreachable", (1,), Status.UB),
    ("%r = and i8 undef, 0 ret i8 %r", (1,), 0),
    ("%v = insertelement <2 x i8> poison, i8 %a, i8 %b %r = extractelement <2 x i8> %v, i8 1 "
     "ret i8 %r", (5, 1), 5),
    ("%v = insertelement <2 x i8> poison, i8 %a, i8 %b %r = extractelement <2 x i8> %v, i8 1 "
     "ret i8 %r", (5, 0), POISON),
    ("%v = insertelement <2 x i8> zeroinitializer, i8 %a, i8 %b "
     "%r = extractelement <2 x i8> %v, i8 1 ret i8 %r", (5, 2), POISON),
]  # fmt: skip
MEMORY_LAWS = [
    ("%r = load i8, ptr %p ret i8 %r", P, None),
    ("%q = getelementptr i8, ptr %p, i64 16 %r = load i8, ptr %q ret i8 %r", P, Status.UB),
    ("%q = getelementptr inbounds i8, ptr %p, i64 17 ret i8 0", P, 0),
    ("%r = load i8, ptr %p ret i8 %r", Address(None, 0), Status.UB),
    ("%r = load i8, ptr %p ret i8 %r", Address("p", -1), Status.UB),
    ("%x = load i32, ptr %p, align 4 ret i8 1", Address("p", 2), Status.UB),
    ("%x = load i32, ptr %p, align 2 ret i8 1", Address("p", 2), 1),
    ("%a = alloca i8 store i8 3, ptr %a %r = load i8, ptr %a ret i8 %r", P, 3),
    ("%a = alloca i8 store ptr %a, ptr %p %b = load ptr, ptr %p store i8 4, ptr %b "
     "%r = load i8, ptr %a ret i8 %r", P, 4),
    ("%a = alloca [4 x i8] call void @llvm.memset.p0.i64(ptr %a, i8 9, i64 4, i1 false) "
     "%r = load i8, ptr %a ret i8 %r", P, 9),
    ("call void @llvm.memcpy.p0.p0.i64(ptr %p, ptr %p, i64 17, i1 false) ret i8 0", P, Status.UB),
    ("%a = alloca i8 call void @llvm.lifetime.end.p0(ptr %a) store i8 1, ptr %a ret i8 0", P,
     Status.UB),
    ("call void @llvm.assume(i1 false) ret i8 0", P, Status.UB),
    ('call void @llvm.assume(i1 true) ["align"(ptr %p, i64 64)] ret i8 0', Address("p", 1),
     Status.UB),
    ('call void @llvm.assume(i1 true) ["nonnull"(ptr %p)] ret i8 0', P, 0),
    ("%x = load i8, ptr %p, !range !{i8 50, i8 60} ret i8 %x", P, POISON),
    ("%x = load i8, ptr %p, !range !{i8 0, i8 60} ret i8 %x", P, None),
    ("%x = load i8, ptr %p, !range !{i8 50, i8 60}, !noundef !{} ret i8 %x", P, Status.UB),
    ("store i8 1, ptr @c ret i8 0", P, Status.UB),
    ("%x = load i8, ptr @c ret i8 %x", P, 42),
    ("call void @llvm.trap() unreachable", P, Status.TRAPPED),
    ("call void @exit(i32 1) unreachable", P, Status.EXITED),
]  # fmt: skip
DECLARATIONS = """
@c = constant i8 42
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.lifetime.end.p0(ptr)
declare void @llvm.assume(i1)
declare void @llvm.trap()
declare void @exit(i32) noreturn
"""


def lines(body: str) -> str:
    """LLVM's text needs no line ends, but its metadata nodes may not be inline: number them."""
    found: list[str] = []
    while "!{" in body:
        start = body.index("!{")
        end = body.index("}", start) + 1
        found.append(f"!{len(found)} = {body[start:end]}")
        body = f"{body[:start]}!{len(found) - 1}{body[end:]}"
    return f"define i8 @f(ptr %p) {{ {body} }}\n" + DECLARATIONS + "\n".join(found)


@pytest.mark.parametrize(("body", "arguments", "expected"), LAWS)
def test_scalars_follow_the_law(
    body: str, arguments: tuple[Concrete, ...], expected: Concrete | Status
) -> None:
    seen = outcome(body, *arguments)
    if isinstance(expected, Status):
        assert seen.status is expected
    else:
        assert (seen.status, seen.value) == (Status.RETURNED, expected)


@pytest.mark.parametrize(("body", "pointer", "expected"), MEMORY_LAWS)
def test_memory_follows_the_law(
    body: str, pointer: Address, expected: Concrete | Status | None
) -> None:
    seen = outcome(lines(body), pointer)
    if isinstance(expected, Status):
        assert seen.status is expected, seen.reason
    elif expected is None:
        assert seen.status is Status.RETURNED
        assert isinstance(seen.value, int)
    else:
        assert (seen.status, seen.value) == (Status.RETURNED, expected), seen.reason


@pytest.mark.parametrize("opcode", ["add", "sub", "mul", "shl"])
@pytest.mark.parametrize("flag", ["nsw", "nuw"])
def test_a_flag_makes_poison_exactly_where_the_result_does_not_fit(opcode: str, flag: str) -> None:
    """Every pair of four-bit numbers, against arithmetic on Python's integers."""
    module = parsed(f"define i4 @f(i4 %a, i4 %b) {{ %r = {opcode} {flag} i4 %a, %b ret i4 %r }}")
    exact = {
        "add": int.__add__, "sub": int.__sub__, "mul": int.__mul__,
        "shl": lambda a, b: a * 2**b,
    }[opcode]  # fmt: skip
    for a, b in itertools.product(range(16), repeat=2):
        if opcode == "shl" and b >= 4:
            continue
        value = run(module, "f", Input((a, b))).value
        x, y = (a, b) if flag == "nuw" else (a - 16 * (a > 7), b - 16 * (b > 7))
        y = b if opcode == "shl" else y
        whole = exact(x, y)
        fits = 0 <= whole < 16 if flag == "nuw" else -8 <= whole < 8
        assert value == (whole % 16 if fits else POISON), (a, b)


def test_an_uninitialised_byte_is_undef_and_using_it_is_a_choice() -> None:
    seen = outcome("%a = alloca i8 %r = load i8, ptr %a ret i8 %r")
    assert seen.value == Undef(0, 0xFF)
    assert seen.choices == 0
    seen = outcome("%a = alloca i8 %x = load i8, ptr %a %r = mul i8 %x, 3 ret i8 %r")
    assert seen.choices


@pytest.mark.parametrize(
    ("operands", "value"),
    [
        ("ult i8 %x, 1", Undef(0, 1)),
        ("ult i8 %low, 2", 1),  # whatever the undefined bit is
        ("ult i8 %low, 1", Undef(0, 1)),
        ("uge i8 %low, 2", 0),
        ("sgt i8 %low, -1", 1),
        ("slt i8 %x, 0", Undef(0, 1)),
        ("sle i8 %high, 0", 1),
        ("eq i8 %low, 2", 0),
        ("ne i8 %low, 3", 1),
        ("eq i8 %low, 1", Undef(0, 1)),
        ("eq ptr %p, null", Undef(0, 1)),
    ],
)
def test_undefined_bits_decide_a_comparison_or_do_not(operands: str, value: object) -> None:
    start = (
        "%a = alloca i8 %x = load i8, ptr %a %low = and i8 %x, 1 %seven = and i8 %x, 127 "
        "%high = or i8 %seven, 128 %b = alloca ptr %p = load ptr, ptr %b "
    )
    seen = outcome(f"define i1 @f() {{ {start} %r = icmp {operands} ret i1 %r }}")
    assert seen.value == value
    assert not seen.choices
    branch = outcome(
        f"{start} %r = icmp {operands} br i1 %r, label %yes, label %no yes: ret i8 1 no: ret i8 0"
    )
    assert branch.status is (Status.RETURNED if isinstance(value, int) else Status.UB)


def test_a_chooser_decides_what_undef_is() -> None:
    module = parsed("define i8 @f() { %r = freeze i8 undef ret i8 %r }")
    assert run(module, "f", Input(), chooser=lambda kind, size: size - 1).value == 255


CALLS = """
declare i32 @unknown(ptr)
declare i32 @pure(i32) memory(none) nounwind willreturn
declare i32 @reads(ptr captures(none)) memory(read) nounwind willreturn
"""
PAIRS = [
    # source, target, is it refuted?
    ("%r = call i32 @unknown(ptr %p) ret i32 %r", "ret i32 0", True),
    ("%r = call i32 @unknown(ptr %p) ret i32 %r",
     "%r = call i32 @unknown(ptr null) ret i32 %r", True),
    ("%r = call i32 @unknown(ptr %p) ret i32 0", "%r = call i32 @unknown(ptr %p) ret i32 0",
     False),
    ("%r = call i32 @pure(i32 1) ret i32 0", "ret i32 0", False),
    ("%r = call i32 @pure(i32 1) %s = call i32 @pure(i32 1) %t = sub i32 %r, %s ret i32 %t",
     "ret i32 0", False),
    ("%r = call i32 @pure(i32 1) ret i32 %r", "%r = call i32 @pure(i32 2) ret i32 %r", True),
    ("store i32 1, ptr %p ret i32 0", "ret i32 0", True),
    ("store i32 1, ptr %p store i32 2, ptr %p ret i32 0", "store i32 2, ptr %p ret i32 0", False),
    ("store i32 1, ptr %p %r = call i32 @unknown(ptr null) store i32 2, ptr %p ret i32 0",
     "%r = call i32 @unknown(ptr null) store i32 2, ptr %p ret i32 0", True),
    ("%a = alloca i32 store i32 1, ptr %a %x = call i32 @unknown(ptr %a) %r = load i32, ptr %a "
     "ret i32 %r", "%a = alloca i32 store i32 1, ptr %a %x = call i32 @unknown(ptr %a) ret i32 1",
     True),
    ("%a = alloca i32 store i32 1, ptr %a %x = call i32 @reads(ptr %a) %r = load i32, ptr %a "
     "ret i32 %r", "ret i32 1", False),
    ("ret i32 poison", "ret i32 1", False),
    ("ret i32 1", "ret i32 poison", True),
    ("ret i32 undef", "ret i32 1", False),
    ("ret i32 1", "ret i32 undef", True),
    ("%r = freeze i32 undef ret i32 %r", "ret i32 1", False),
    ("%x = freeze i1 undef %r = zext i1 %x to i32 ret i32 %r", "ret i32 2", True),
    ("%x = freeze i1 undef %r = zext i1 %x to i32 ret i32 %r", "ret i32 1", False),
    ("%x = load i32, ptr %p ret i32 0", "ret i32 0", False),
    ("ret i32 0", "%q = getelementptr i8, ptr %p, i64 99999 %x = load i32, ptr %q ret i32 0", True),
    ("%a = load ptr, ptr %p %r = load i32, ptr %a ret i32 %r",
     "%x = load i64, ptr %p %a = inttoptr i64 %x to ptr %r = load i32, ptr %a ret i32 %r", False),
    ("%a = load ptr, ptr %p %b = load ptr, ptr %a %r = load i32, ptr %b ret i32 %r",
     "%a = load ptr, ptr %p %r = load i32, ptr %a ret i32 %r", True),
]  # fmt: skip


@pytest.mark.parametrize(("source", "target", "is_refuted"), PAIRS)
def test_a_pair_is_refuted_when_it_is_wrong_and_only_then(
    source: str, target: str, is_refuted: bool
) -> None:
    module = parsed(
        f"define i32 @src(ptr %p) {{ {source} }} define i32 @tgt(ptr %p) {{ {target} }}" + CALLS
    )
    judgements = [
        judge((module, "src"), (module, "tgt"), given)
        for given, _ in zip(inputs(module, "src", 1), range(30), strict=False)
    ]
    laws = [judgement.law for judgement in judgements if judgement.law]
    assert bool(laws) is is_refuted, laws
    for judgement in judgements:
        if judgement.law:
            assert judgement.law in counterexample(judgement)


def test_a_function_with_a_body_is_run_where_it_decides() -> None:
    text = """
    define i32 @callee(i32 %x) { %r = add i32 %x, 1 ret i32 %r }
    define i32 @src(i32 %x) { %r = call i32 @callee(i32 %x) ret i32 %r }
    define i32 @tgt(i32 %x) { %r = add i32 %x, 1 ret i32 %r }
    define i32 @bad(i32 %x) { %r = add i32 %x, 2 ret i32 %r }
    """
    module = parsed(text)
    assert not judge((module, "src"), (module, "tgt"), Input((3,))).law
    assert judge((module, "src"), (module, "bad"), Input((3,))).law
    source, target = run(module, "src", Input((3,))), run(module, "bad", Input((3,)))
    assert refines(source, target) is None  # what it cannot decide, it does not call wrong


def test_linked_memory_is_invented_and_stays_the_same() -> None:
    text = """
    define i32 @f(ptr %list) {
    entry:
      br label %loop
    loop:
      %node = phi ptr [ %list, %entry ], [ %next, %body ]
      %sum = phi i32 [ 0, %entry ], [ %more, %body ]
      %end = icmp eq ptr %node, null
      br i1 %end, label %done, label %body
    body:
      %value = load i32, ptr %node
      %more = add i32 %sum, %value
      %link = getelementptr inbounds i8, ptr %node, i64 8
      %next = load ptr, ptr %link
      br label %loop
    done:
      ret i32 %sum
    }
    """
    module, depths = parsed(text), set()
    for given, _ in zip(inputs(module, "f", 2), range(20), strict=False):
        first, again = run(module, "f", given), run(module, "f", given)
        assert first == again
        if first.status is Status.RETURNED:
            depths.add(len(given.blocks))
    assert max(depths) >= 4


def test_inputs_are_the_same_for_the_same_seed() -> None:
    module = parsed("define i32 @f(i32 %a, ptr %p) { %r = load i32, ptr %p ret i32 %r }")
    one, two = ([g for g, _ in zip(inputs(module, "f", 3), range(9), strict=False)] for _ in "ab")
    assert one == two
    other = [g for g, _ in zip(inputs(module, "f", 4), range(9), strict=False)]
    assert one != other


def test_what_is_forgotten_in_the_middle_of_a_run_is_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However few functions and variables are remembered, each runs with its own constants."""
    monkeypatch.setattr(interpreter, "_REMEMBERED", 0)
    callees = "".join(
        f"""
        @g{k} = internal constant [2 x i8] [i8 {k}, i8 {2 * k}]
        define i8 @c{k}() {{
          %p = getelementptr i8, ptr @g{k}, i64 1
          %v = load i8, ptr %p
          %r = add i8 %v, {k}
          ret i8 %r
        }}"""
        for k in range(20)
    )
    calls = "".join(
        f"%r{k} = call i8 @c{k}()  %s{k + 1} = add i8 %s{k}, %r{k}\n" for k in range(20)
    )
    body = f"%s0 = add i8 0, 0\n{calls} ret i8 %s20"
    module = parsed(f"{callees} define i8 @f() {{ {body} }}")
    for _ in range(2):
        found = run(module, "f", Input(()), inline=True)
        assert (found.status, found.value) == (Status.RETURNED, 3 * sum(range(20)) % 256)
