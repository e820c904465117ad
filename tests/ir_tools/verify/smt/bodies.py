"""Random function bodies with constant operands: what `generated` has, on vectors, with poison and
undef among the operands, with memory and with branches."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.ir_tools.verify.interpreter import generated

WIDTHS = (1, 3, 8, 13, 16, 32, 33, 64)
_SMALL = ("half", "bfloat", "float")
_FAST = ("nnan", "ninf", "nsz")
_LANES = (1, 2, 3, 4)
_TABLES = """@table = constant [4 x i13] [i13 5, i13 -1, i13 0, i13 4095]
@words = constant [2 x i32] [i32 -2023406815, i32 305419896]
"""


@dataclass(frozen=True, slots=True)
class Body:
    """`lines` calculate `%r`, of that type; `kind` is for people."""

    kind: str
    type: str
    lines: tuple[str, ...]

    def function(self, name: str) -> str:
        lines = "\n  ".join(self.lines)
        return f"define {self.type} @{name}() {{\n  {lines}\n  ret {self.type} %r\n}}\n"


def bodies(rng: random.Random, each: int) -> Iterator[Body]:
    """`each` times every kind."""
    for kind, type_, text in generated.cases(rng, each):
        yield Body(kind, type_, (f"%r = {text}",))
    for _ in range(each):
        for make in _MAKERS:
            yield from make(rng)


def module(chosen: list[Body]) -> str:
    """The bodies as @f0, @f1 and so on; LLVM declares the intrinsics itself."""
    return _TABLES + "".join(body.function(f"f{index}") for index, body in enumerate(chosen))


# operands ---------------------------------------------------------------------------------------


def _scalar(rng: random.Random, type_: str, doubt: float = 0.15) -> str:
    """A constant, or poison or undef."""
    fate = rng.random()
    if fate < doubt:
        return "poison" if fate < 0.6 * doubt else "undef"
    if type_[0] == "i":
        return str(generated.integer(rng, int(type_[1:])))
    bits = generated.FLOATS[type_][0]
    return f"bitcast (i{bits} {generated.pattern(rng, type_)} to {type_})"


def _vector(rng: random.Random, count: int, type_: str, doubt: float = 0.1) -> str:
    return f"<{', '.join(f'{type_} {_scalar(rng, type_, doubt)}' for _ in range(count))}>"


def _any(rng: random.Random, type_: str) -> tuple[str, Callable[[], str]]:
    """The type or a vector of it, and a maker of such operands."""
    if rng.random() < 0.5:
        return type_, lambda: _scalar(rng, type_, 0.25)
    count = rng.choice(_LANES)
    return f"<{count} x {type_}>", lambda: _vector(rng, count, type_)


def _integer_type(rng: random.Random) -> str:
    return f"i{rng.choice(WIDTHS)}"


def _suffix(type_: str) -> str:
    if type_[0] == "<":
        count, element = type_.strip("<>").split(" x ")
        return f"v{count}{_suffix(element)}"
    return type_ if type_[0] == "i" else generated._suffix(type_)


def _call(type_: str, name: str, *arguments: str, flags: str = "") -> str:
    return f"call {flags}{type_} @llvm.{name}({', '.join(arguments)})"


def _one(kind: str, type_: str, text: str) -> Body:
    return Body(kind, type_, (f"%r = {text}",))


def _like(type_: str, element: str) -> str:
    return f"{type_[: type_.index(' x ')]} x {element}>" if type_[0] == "<" else element


# calculations -----------------------------------------------------------------------------------


def _integers(rng: random.Random) -> Iterator[Body]:
    for opcode in generated._FLAGS:
        type_, make = _any(rng, _integer_type(rng))
        flags = generated._flags(rng, opcode)
        yield _one(opcode, type_, f"{opcode} {flags}{type_} {make()}, {make()}")
    type_, make = _any(rng, _integer_type(rng))
    predicate = rng.choice(generated._ICMP)
    yield _one("icmp", _like(type_, "i1"), f"icmp {predicate} {type_} {make()}, {make()}")
    for name in (*generated._TWO, "fshl"):
        type_, make = _any(rng, _integer_type(rng))
        values = [f"{type_} {make()}" for _ in range(3 if name == "fshl" else 2)]
        yield _one(name, type_, _call(type_, f"{name}.{_suffix(type_)}", *values))
    for name in ("abs", "ctlz", "cttz"):
        type_, make = _any(rng, _integer_type(rng))
        flag = rng.choice(("true", "false"))
        call = _call(type_, f"{name}.{_suffix(type_)}", f"{type_} {make()}", f"i1 {flag}")
        yield _one(name, type_, call)
    for name in ("scmp", "ucmp"):
        type_, make = _any(rng, _integer_type(rng))
        result = _like(type_, "i3")
        values = [f"{type_} {make()}" for _ in range(2)]
        call = _call(result, f"{name}.{_suffix(result)}.{_suffix(type_)}", *values)
        yield _one(name, result, call)
    name = rng.choice(generated._OVERFLOW)
    type_, make = _any(rng, _integer_type(rng))
    pair = f"{{ {type_}, {_like(type_, 'i1')} }}"
    values = [f"{type_} {make()}" for _ in range(2)]
    yield _one(name, pair, _call(pair, f"{name}.{_suffix(type_)}", *values))
    for name in ("expect", "ssa.copy"):
        t = _integer_type(rng)
        values = [f"{t} {_scalar(rng, t)}" for _ in range(1 if name == "ssa.copy" else 2)]
        yield _one(name, t, _call(t, f"{name}.{t}", *values))
    values = [f"i8 {_scalar(rng, 'i8')}", f"i8 {_scalar(rng, 'i8', 0)}", "double 0.5"]
    yield _one("expect.with.probability", "i8",
               _call("i8", "expect.with.probability.i8", *values))  # fmt: skip


def _casts(rng: random.Random) -> Iterator[Body]:
    narrow, wide = sorted(rng.sample(WIDTHS, 2))
    for opcode, before, after in (
        ("trunc", wide, narrow), ("zext", narrow, wide), ("sext", narrow, wide),
    ):  # fmt: skip
        type_, make = _any(rng, f"i{before}")
        after_type = _like(type_, f"i{after}")
        yield _one(opcode, after_type, f"{opcode} {type_} {make()} to {after_type}")
    name = rng.choice(_SMALL)
    for opcode in ("sitofp", "uitofp"):
        type_, make = _any(rng, _integer_type(rng))
        to = _like(type_, name)
        yield _one(opcode, to, f"{opcode} {type_} {make()} to {to}")
    for opcode in ("fptosi", "fptoui"):
        type_, make = _any(rng, name)
        to = _like(type_, _integer_type(rng))
        yield _one(opcode, to, f"{opcode} {type_} {make()} to {to}")
    lanes = rng.choice((("i8", 4), ("i16", 2), ("i1", 32), ("half", 2), ("bfloat", 2), ("i4", 8)))
    vector = f"<{lanes[1]} x {lanes[0]}>" if lanes[0] != "i4" else "<8 x i4>"
    other = rng.choice(("i32", "float", "<4 x i8>", "<2 x i16>"))
    value = _vector(rng, lanes[1], lanes[0])
    yield _one("bitcast", other, f"bitcast {vector} {value} to {other}")
    value = _scalar(rng, "i32")
    yield _one("bitcast", vector, f"bitcast i32 {value} to {vector}")


def _floats(rng: random.Random) -> Iterator[Body]:
    for opcode in ("fadd", "fsub", "fmul", "fdiv"):
        type_, make = _any(rng, rng.choice(_SMALL))
        yield _one(opcode, type_, f"{opcode} {_fast(rng)}{type_} {make()}, {make()}")
    type_, make = _any(rng, rng.choice(_SMALL))
    yield _one("fneg", type_, f"fneg {_fast(rng)}{type_} {make()}")
    type_, make = _any(rng, rng.choice(_SMALL))
    predicate, flags = rng.choice(generated._FCMP), _fast(rng).replace("nsz ", "")
    text = f"fcmp {flags}{predicate} {type_} {make()}, {make()}"
    yield _one("fcmp", _like(type_, "i1"), text)
    for name, count in (
        *((name, 1) for name in generated._FLOAT_ONE),
        *((name, 2) for name in generated._FLOAT_TWO),
        ("fma", 3), ("fmuladd", 3), ("canonicalize", 1),
    ):  # fmt: skip
        type_, make = _any(rng, rng.choice(_SMALL))
        flags = _fast(rng) if rng.random() < 0.3 else ""
        values = [f"{type_} {make()}" for _ in range(count)]
        yield _one(name, type_, _call(type_, f"{name}.{_suffix(type_)}", *values, flags=flags))
    for name in ("fmin", "fmax", "fminimum", "fmaximum"):
        t, count = rng.choice(_SMALL), rng.choice((2, 3, 4))
        type_ = f"<{count} x {t}>"
        value = f"{type_} {_vector(rng, count, t)}"
        yield _one(f"reduce.{name}", t, _call(t, f"vector.reduce.{name}.{_suffix(type_)}", value))


def _fast(rng: random.Random) -> str:
    return "".join(f"{flag} " for flag in _FAST if rng.random() < 0.2)


def _moves(rng: random.Random) -> Iterator[Body]:
    t = rng.choice((_integer_type(rng), "half", "float"))
    type_, make = _any(rng, t)
    arms = f"{type_} {make()}, {type_} {make()}"
    yield _one("select", type_, f"select i1 {_scalar(rng, 'i1', 0.4)}, {arms}")
    count = rng.choice((2, 3))
    type_ = f"<{count} x {t}>"
    arms = f"{type_} {_vector(rng, count, t)}, {type_} {_vector(rng, count, t)}"
    condition = _vector(rng, count, "i1", 0.3)
    yield _one("select", type_, f"select <{count} x i1> {condition}, {arms}")
    type_, make = _any(rng, t)
    yield _one("freeze", type_, f"freeze {type_} {make()}")
    vector, index = _vector(rng, count, t, 0.2), _scalar(rng, "i3", 0.1)
    yield _one("extractelement", t, f"extractelement <{count} x {t}> {vector}, i3 {index}")
    element = _scalar(rng, t)
    text = f"insertelement <{count} x {t}> {vector}, {t} {element}, i3 {rng.randrange(5)}"
    yield _one("insertelement", f"<{count} x {t}>", text)
    other, size = _vector(rng, count, t, 0.2), rng.choice(_LANES)
    picked = [rng.choice(("poison", *map(str, range(2 * count)))) for _ in range(size)]
    mask = f"<{size} x i32> <{', '.join(f'i32 {each}' for each in picked)}>"
    text = f"shufflevector <{count} x {t}> {vector}, <{count} x {t}> {other}, {mask}"
    yield _one("shufflevector", f"<{size} x {t}>", text)
    inner = f"[2 x i13] [i13 {_scalar(rng, 'i13')}, i13 {_scalar(rng, 'i13')}]"
    aggregate = f"{{ {t} {_scalar(rng, t)}, {inner} }}"
    whole = f"{{ {t}, [2 x i13] }}"
    text = f"extractvalue {whole} {aggregate}, 1, {rng.randrange(2)}"
    yield _one("extractvalue", "i13", text)
    text = f"insertvalue {whole} {aggregate}, i13 {_scalar(rng, 'i13')}, 1, {rng.randrange(2)}"
    yield _one("insertvalue", whole, text)


# memory -----------------------------------------------------------------------------------------


def _memory(rng: random.Random) -> Iterator[Body]:
    t = rng.choice(("i1", "i3", "i13", "i24", "i33", "i65", "half", "double", "<3 x i8>"))
    value = _vector(rng, 3, "i8") if t[0] == "<" else _scalar(rng, t, 0.2)
    yield Body("load and store", t, (
        f"%p = alloca {t}", f"store {t} {value}, ptr %p", f"%r = load {t}, ptr %p"))  # fmt: skip
    offset = rng.randrange(6)
    read = rng.choice(("i8", "i16", "i24", "i32", "<2 x i8>", "half"))
    yield Body("a part of an integer", read, (
        "%p = alloca [8 x i8], align 8", f"store i64 {_scalar(rng, 'i64', 0.1)}, ptr %p",
        f"%q = getelementptr inbounds i8, ptr %p, i64 {offset}",
        f"%r = load {read}, ptr %q, align 1"))  # fmt: skip
    yield Body("an index", "i13", (
        f"%p = getelementptr inbounds [4 x i13], ptr @table, i64 0, i64 {rng.randrange(5)}",
        "%r = load i13, ptr %p"))  # fmt: skip
    yield Body("a part of a constant", "i16", (
        f"%p = getelementptr i8, ptr @words, i64 {rng.randrange(7)}",
        "%r = load i16, ptr %p, align 1"))  # fmt: skip
    yield Body("uninitialised", "i8", ("%p = alloca i8", "%r = load i8, ptr %p"))
    yield Body("beyond the end", "i8", (
        "%p = alloca [4 x i8]", "store i32 0, ptr %p",
        f"%q = getelementptr i8, ptr %p, i64 {rng.choice((-1, 3, 4))}",
        "%r = load i8, ptr %q"))  # fmt: skip
    yield from _copies(rng)
    yield from _pointers(rng)


def _copies(rng: random.Random) -> Iterator[Body]:
    byte = _scalar(rng, "i8", 0.1)
    for name in ("memset", "memset.inline"):
        call = f"call void @llvm.{name}.p0.i64(ptr %p, i8 {byte}, i64 {rng.randrange(3, 9)}, i1 0)"
        yield Body(name, "i24", (
            "%p = alloca i64", "store i64 1234567, ptr %p", call,
            f"%q = getelementptr i8, ptr %p, i64 {rng.randrange(5)}",
            "%r = load i24, ptr %q, align 1"))  # fmt: skip
    for name in ("memcpy", "memcpy.inline", "memmove"):
        start = "%p" if name == "memmove" else "%o"
        count = rng.randrange(5)
        call = f"call void @llvm.{name}.p0.p0.i64(ptr %q, ptr {start}, i64 {count}, i1 0)"
        yield Body(name, "i64", (
            "%p = alloca i64", "%o = alloca i64", f"store i64 {_scalar(rng, 'i64', 0)}, ptr %p",
            f"store i64 {_scalar(rng, 'i64', 0.1)}, ptr %o",
            f"%q = getelementptr i8, ptr %p, i64 {rng.randrange(4)}", call,
            "%r = load i64, ptr %p"))  # fmt: skip
    yield Body("lifetime", "i8", (
        "%p = alloca i8", "call void @llvm.lifetime.start.p0(ptr %p)", "store i8 7, ptr %p",
        "%r = load i8, ptr %p", "call void @llvm.lifetime.end.p0(ptr %p)"))  # fmt: skip


def _pointers(rng: random.Random) -> Iterator[Body]:
    steps = rng.randrange(9), rng.randrange(9)
    for opcode in ("ptrtoint", "ptrtoaddr"):
        yield Body(opcode, "i64", (
            "%p = alloca [8 x i8]", f"%a = getelementptr i8, ptr %p, i64 {steps[0]}",
            f"%b = getelementptr i8, ptr %p, i64 {steps[1]}",
            f"%x = {opcode} ptr %a to i64", f"%y = {opcode} ptr %b to i64",
            "%r = sub i64 %x, %y"))  # fmt: skip
    yield Body("icmp of pointers", "i1", (
        "%p = alloca [8 x i8]", f"%a = getelementptr inbounds i8, ptr %p, i64 {steps[0]}",
        f"%b = getelementptr inbounds i8, ptr %p, i64 {steps[1]}",
        f"%r = icmp {rng.choice(generated._ICMP[:6])} ptr %a, %b"))  # fmt: skip
    yield Body("inttoptr", "i16", (
        "%p = alloca i16", f"store i16 {_scalar(rng, 'i16', 0)}, ptr %p",
        "%x = ptrtoint ptr %p to i64", "%q = inttoptr i64 %x to ptr",
        "%r = load i16, ptr %q"))  # fmt: skip
    for name in ("launder.invariant.group", "strip.invariant.group"):
        yield Body(name, "i8", (
            "%p = alloca i8", f"store i8 {steps[0]}, ptr %p",
            f"%q = call ptr @llvm.{name}.p0(ptr %p)", "%r = load i8, ptr %q"))  # fmt: skip
    yield Body("ptrmask", "i64", (
        "%p = alloca i64, align 8", f"%q = getelementptr i8, ptr %p, i64 {steps[0] % 8}",
        "%m = call ptr @llvm.ptrmask.p0.i64(ptr %q, i64 -8)", "%x = ptrtoint ptr %m to i64",
        "%y = ptrtoint ptr %p to i64", "%r = sub i64 %x, %y"))  # fmt: skip


# control ----------------------------------------------------------------------------------------


def _control(rng: random.Random) -> Iterator[Body]:
    a, b = (_scalar(rng, "i8", 0.2) for _ in range(2))
    joins = ("left:", "br label %join", "right:", "br label %join", "join:")
    phi = f"%r = phi i8 [ {a}, %left ], [ {b}, %right ]"
    condition = _scalar(rng, "i1", 0.2)
    yield Body("br", "i8", (f"br i1 {condition}, label %left, label %right", *joins, phi))
    number = _scalar(rng, "i3", 0.1)
    cases = "[ i3 0, label %left i3 3, label %right ]"
    yield Body("switch", "i8", (f"switch i3 {number}, label %left {cases}", *joins, phi))
    yield Body("unreachable", "i8", (
        f"br i1 {_scalar(rng, 'i1', 0)}, label %bad, label %good", "bad:", "unreachable",
        "good:", f"%r = add i8 {a}, 0"))  # fmt: skip
    yield Body(
        "assume",
        "i8",
        (f"call void @llvm.assume(i1 {_scalar(rng, 'i1', 0.2)})", f"%r = add i8 {a}, 0"),
    )
    for call in (
        "donothing()", "sideeffect()", "pseudoprobe(i64 1, i64 2, i32 3, i64 4)",
        "prefetch.p0(ptr @words, i32 0, i32 0, i32 1)",
    ):  # fmt: skip
        yield Body(call.split("(")[0], "i8", (f"call void @llvm.{call}", f"%r = add i8 {b}, 0"))


_MAKERS = (_integers, _casts, _floats, _moves, _memory, _control)
