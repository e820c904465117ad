"""Random instructions with constant operands, for comparing the interpreter with LLVM."""

from __future__ import annotations

import random
from collections.abc import Iterator

WIDTHS = (1, 3, 8, 13, 16, 32, 33, 64, 65, 128)
FLOATS = {"half": (16, 10), "bfloat": (16, 7), "float": (32, 23), "double": (64, 52)}
_FLAGS = {
    **dict.fromkeys(("add", "sub", "mul", "shl"), ("nsw", "nuw")),
    **dict.fromkeys(("udiv", "sdiv", "lshr", "ashr"), ("exact",)),
    "or": ("disjoint",),
    **dict.fromkeys(("urem", "srem", "and", "xor"), ()),
}
_ICMP = "eq ne ugt uge ult ule sgt sge slt sle".split()
_FCMP = "false oeq ogt oge olt ole one ord uno ueq ugt uge ult ule une true".split()
_TWO = "smin smax umin umax sadd.sat uadd.sat ssub.sat usub.sat sshl.sat ushl.sat".split()
_OVERFLOW = [f"{s}{o}.with.overflow" for s in "su" for o in ("add", "sub", "mul")]
_FLOAT_ONE = "fabs sqrt floor ceil trunc rint nearbyint roundeven round".split()
_FLOAT_TWO = "minnum maxnum minimum maximum minimumnum maximumnum copysign".split()


def integer(rng: random.Random, bits: int) -> int:
    top = 1 << (bits - 1)
    corners = (0, 1, 2, bits - 1, bits, top, top - 1, top + 1, 2 * top - 1, 2 * top - 2)
    return rng.choice((*corners, *(rng.getrandbits(bits) for _ in range(6)))) % (2 * top)


def pattern(rng: random.Random, name: str) -> int:
    """A float's bits: corners, denormals, values near one, anything."""
    bits, mantissa = FLOATS[name]
    exponents = (1 << (bits - mantissa - 1)) - 1
    exponent = rng.choice((0, 1, exponents, exponents - 1, rng.randrange(exponents)))
    if rng.random() < 0.6:
        near = exponents // 2 + rng.randrange(-mantissa - 3, mantissa + 40)
        exponent = min(max(near, 0), exponents)
    fraction = rng.choice((0, 1, 1 << (mantissa - 1), rng.getrandbits(mantissa)))
    return rng.getrandbits(1) << (bits - 1) | exponent << mantissa | fraction


def _float(rng: random.Random, name: str) -> str:
    """A float operand, as a constant expression of its bits: exact for every NaN."""
    return f"bitcast (i{FLOATS[name][0]} {pattern(rng, name)} to {name})"


def _flags(rng: random.Random, opcode: str) -> str:
    return "".join(f"{flag} " for flag in _FLAGS[opcode] if rng.random() < 0.3)


def cases(rng: random.Random, each: int) -> Iterator[tuple[str, str, str]]:
    """`each` times every kind: (kind, type of the result, text of an instruction)."""
    for _ in range(each):
        yield from _integers(rng)
        yield from _casts(rng)
        yield from _floats(rng)


def _integers(rng: random.Random) -> Iterator[tuple[str, str, str]]:
    bits = rng.choice(WIDTHS)
    a, b, c = (integer(rng, bits) for _ in range(3))
    amount = rng.randrange(bits + 1)
    for opcode in _FLAGS:
        right = amount if opcode in ("shl", "lshr", "ashr") and rng.random() < 0.8 else b
        yield opcode, f"i{bits}", f"{opcode} {_flags(rng, opcode)}i{bits} {a}, {right}"
    for predicate in _ICMP:
        flag = "samesign " if rng.random() < 0.2 else ""
        other = a if rng.random() < 0.1 else b
        yield f"icmp {predicate}", "i1", f"icmp {flag}{predicate} i{bits} {a}, {other}"
    t = f"i{bits}"
    for name in _TWO:
        yield name, t, f"call {t} @llvm.{name}.{t}({t} {a}, {t} {b})"
    for name in ("abs", "ctlz", "cttz"):
        flag = rng.choice(("true", "false"))
        yield name, t, f"call {t} @llvm.{name}.{t}({t} {a}, i1 {flag})"
    for name in ("ctpop", "bitreverse"):
        yield name, t, f"call {t} @llvm.{name}.{t}({t} {a})"
    for name in ("fshl", "fshr"):
        yield name, t, f"call {t} @llvm.{name}.{t}({t} {a}, {t} {b}, {t} {c})"
    for name in ("scmp", "ucmp"):
        yield name, "i8", f"call i8 @llvm.{name}.i8.{t}({t} {a}, {t} {b})"
    for name in _OVERFLOW:
        pair = f"{{ {t}, i1 }}"
        yield name, pair, f"call {pair} @llvm.{name}.{t}({t} {a}, {t} {b})"
    wide = f"i{16 * rng.choice((1, 2, 3, 4))}"
    yield "bswap", wide, f"call {wide} @llvm.bswap.{wide}({wide} {integer(rng, int(wide[1:]))})"
    for name in "add mul and or xor smin smax umin umax".split():
        lanes = ", ".join(f"{t} {integer(rng, bits)}" for _ in range(4))
        call = f"call {t} @llvm.vector.reduce.{name}.v4{t}(<4 x {t}> <{lanes}>)"
        yield f"reduce.{name}", t, call


def _casts(rng: random.Random) -> Iterator[tuple[str, str, str]]:
    narrow, wide = sorted(rng.sample(WIDTHS, 2))
    a, b = integer(rng, wide), integer(rng, narrow)
    nneg = rng.choice(("", "nneg "))
    trunc = rng.choice(("", "nsw ", "nuw ", "nuw nsw "))
    yield "trunc", f"i{narrow}", f"trunc {trunc}i{wide} {a} to i{narrow}"
    yield "zext", f"i{wide}", f"zext {nneg}i{narrow} {b} to i{wide}"
    yield "sext", f"i{wide}", f"sext i{narrow} {b} to i{wide}"
    f, g = rng.sample(list(FLOATS), 2)
    value = _float(rng, f)
    for opcode in ("fptosi", "fptoui"):
        yield opcode, f"i{wide}", f"{opcode} {f} {value} to i{wide}"
        name = f"llvm.{opcode}.sat.i{wide}.{_suffix(f)}"
        yield f"{opcode}.sat", f"i{wide}", f"call i{wide} @{name}({f} {value})"
    yield "sitofp", f, f"sitofp i{wide} {a} to {f}"
    yield "uitofp", f, f"uitofp {nneg}i{wide} {a} to {f}"
    if FLOATS[f][0] != FLOATS[g][0]:
        opcode = "fptrunc" if FLOATS[f][0] > FLOATS[g][0] else "fpext"
        yield opcode, g, f"{opcode} {f} {value} to {g}"
    yield "bitcast", f"i{FLOATS[f][0]}", f"bitcast {f} {value} to i{FLOATS[f][0]}"


def _suffix(name: str) -> str:
    return "bf16" if name == "bfloat" else f"f{FLOATS[name][0]}"


def _floats(rng: random.Random) -> Iterator[tuple[str, str, str]]:
    name = rng.choice(list(FLOATS))
    suffix, a, b, c = _suffix(name), *(_float(rng, name) for _ in range(3))
    for opcode in ("fadd", "fsub", "fmul", "fdiv", "frem"):
        yield opcode, name, f"{opcode} {name} {a}, {b}"
    yield "fneg", name, f"fneg {name} {a}"
    for predicate in _FCMP:
        yield f"fcmp {predicate}", "i1", f"fcmp {predicate} {name} {a}, {b}"
    for one in _FLOAT_ONE:
        yield one, name, f"call {name} @llvm.{one}.{suffix}({name} {a})"
    for two in _FLOAT_TWO:
        yield two, name, f"call {name} @llvm.{two}.{suffix}({name} {a}, {name} {b})"
    yield "fma", name, f"call {name} @llvm.fma.{suffix}({name} {a}, {name} {b}, {name} {c})"
    mask = rng.randrange(1024)
    yield "is.fpclass", "i1", f"call i1 @llvm.is.fpclass.{suffix}({name} {a}, i32 {mask})"
