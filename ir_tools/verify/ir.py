"""LLVM IR as plain, immutable Python values: what the verifier's judges work on.

`ir_tools.verify.reader` makes them from a parsed module. Everything that decides the meaning of a
function is here: types with their layout, flags, attributes and the metadata that is a promise.
Debug information, use orders, profiles and other hints are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

# types ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IntType:
    bits: int

    def __str__(self) -> str:
        return f"i{self.bits}"


@dataclass(frozen=True, slots=True)
class FloatType:
    """`half`, `bfloat`, `float`, `double`, `x86_fp80`, `fp128` or `ppc_fp128`."""

    name: str

    @property
    def bits(self) -> int:
        return {"half": 16, "bfloat": 16, "float": 32, "double": 64, "x86_fp80": 80}.get(
            self.name, 128
        )

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class PointerType:
    space: int = 0

    def __str__(self) -> str:
        return f"ptr addrspace({self.space})" if self.space else "ptr"


@dataclass(frozen=True, slots=True)
class VectorType:
    count: int
    element: Type

    def __str__(self) -> str:
        return f"<{self.count} x {self.element}>"


@dataclass(frozen=True, slots=True)
class ArrayType:
    count: int
    element: Type

    def __str__(self) -> str:
        return f"[{self.count} x {self.element}]"


@dataclass(frozen=True, slots=True)
class StructType:
    elements: tuple[Type, ...]
    packed: bool = False

    def __str__(self) -> str:
        inside = f"{{ {', '.join(map(str, self.elements))} }}"
        return f"<{inside}>" if self.packed else inside


@dataclass(frozen=True, slots=True)
class VoidType:
    def __str__(self) -> str:
        return "void"


@dataclass(frozen=True, slots=True)
class FunctionType:
    result: Type
    parameters: tuple[Type, ...]
    is_vararg: bool = False

    def __str__(self) -> str:
        parameters = [*map(str, self.parameters), *(["..."] if self.is_vararg else [])]
        return f"{self.result} ({', '.join(parameters)})"


@dataclass(frozen=True, slots=True)
class OtherType:
    """A type that no judge understands: a token, a scalable vector, a target's own."""

    name: str

    def __str__(self) -> str:
        return self.name


Type: TypeAlias = (
    IntType
    | FloatType
    | PointerType
    | VectorType
    | ArrayType
    | StructType
    | VoidType
    | FunctionType
    | OtherType
)


@dataclass(frozen=True, slots=True)
class Extent:
    """What a type takes in memory, in bytes: `store` is written, `alloc` is one array element."""

    store: int
    alloc: int
    align: int
    offsets: tuple[int, ...] = ()  # of a structure's elements


@dataclass(frozen=True, slots=True)
class Layout:
    """The module's data layout, asked of LLVM for every type that occurs."""

    extents: Mapping[Type, Extent]
    pointer_bits: Mapping[int, int]  # by address space
    index_bits: Mapping[int, int]  # the width that getelementptr calculates in
    little_endian: bool = True

    def extent(self, type_: Type) -> Extent:
        """Raises KeyError for a type without a size."""
        return self.extents[type_]

    def bits(self, type_: Type) -> int:
        """Bits of a first-class value when it is bitcast; aggregates have none."""
        match type_:
            case IntType(bits):
                return bits
            case FloatType():
                return type_.bits
            case PointerType(space):
                return self.pointer_bits[space]
            case VectorType(count, element):
                return count * self.bits(element)
        raise ValueError(f"no bits in a value of type {type_}")


# values -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Local:
    """An argument or the result of an instruction, by its name in the text: `%x`, `%3`."""

    type: Type
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class ConstantInt:
    """`value` is unsigned: 0 ≤ value < 2 ** bits."""

    type: IntType
    value: int

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class ConstantFloat:
    """`pattern` is the value's bits, in the type's own format."""

    type: FloatType
    pattern: int

    def __str__(self) -> str:
        return f"{self.type} 0x{self.pattern:x}"


@dataclass(frozen=True, slots=True)
class Zero:
    """A null pointer or an all-zero aggregate (`zeroinitializer`)."""

    type: Type

    def __str__(self) -> str:
        return "null" if isinstance(self.type, PointerType) else "zeroinitializer"


@dataclass(frozen=True, slots=True)
class Undef:
    type: Type

    def __str__(self) -> str:
        return "undef"


@dataclass(frozen=True, slots=True)
class Poison:
    type: Type

    def __str__(self) -> str:
        return "poison"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A constant array, structure or vector, element by element."""

    type: ArrayType | StructType | VectorType
    elements: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{{{', '.join(map(str, self.elements))}}}"


@dataclass(frozen=True, slots=True)
class Data:
    """A constant array or vector of plain numbers, as the bytes that it has in memory."""

    type: ArrayType | VectorType
    raw: bytes

    def __str__(self) -> str:
        return repr(self.raw)


@dataclass(frozen=True, slots=True)
class GlobalRef:
    """The address of a global variable, function or alias."""

    type: PointerType
    name: str

    def __str__(self) -> str:
        return f"@{self.name}"


@dataclass(frozen=True, slots=True)
class Expression:
    """A constant expression: an instruction on constants."""

    instruction: Instruction

    @property
    def type(self) -> Type:
        return self.instruction.type

    def __str__(self) -> str:
        return f"({self.instruction})"


@dataclass(frozen=True, slots=True)
class Other:
    """An operand that no judge understands: inline assembly, a block's address, metadata."""

    type: Type
    description: str

    def __str__(self) -> str:
        return self.description


Value: TypeAlias = (
    Local
    | ConstantInt
    | ConstantFloat
    | Zero
    | Undef
    | Poison
    | Aggregate
    | Data
    | GlobalRef
    | Expression
    | Other
)

# An attribute's value: 0 for a plain one, a number (`align`, `dereferenceable`, `memory`,
# `captures`, `nofpclass`), a type (`byval`), or the half-open interval of `range`, unsigned.
Attributes: TypeAlias = Mapping[str, "int | Type | tuple[int, int]"]


@dataclass(frozen=True, slots=True)
class Call:
    """What a call is besides its arguments."""

    callee: Value
    type: FunctionType
    attributes: Attributes = field(default_factory=dict)  # of the call site alone
    result: Attributes = field(default_factory=dict)
    parameters: tuple[Attributes, ...] = ()
    bundles: tuple[tuple[str, tuple[Value, ...]], ...] = ()  # `assume`'s promises among them
    tail: str = ""  # `tail`, `musttail`, `notail`

    @property
    def name(self) -> str:
        """The callee's name; empty for an indirect call."""
        return self.callee.name if isinstance(self.callee, GlobalRef) else ""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    operands   in the order of LLVM's text: `store` is (value, pointer), `br` has its condition or
               nothing, `switch` its condition, `phi` its incoming values, a call its arguments
    targets    blocks: `br` (then, else), `switch` (default, then one a case), `phi` (incoming)
    cases      the values of a `switch`, unsigned
    flags      nsw nuw exact disjoint nneg samesign inbounds nusw volatile, and fast-math flags
    predicate  of icmp and fcmp; the operation of atomicrmw
    subject    the type that `alloca` allocates, `getelementptr` steps over
    indices    of extractvalue and insertvalue; the mask of shufflevector, None where poison
    align      bytes, of alloca, load, store and other accesses; 0 for what has none
    ordering   of atomic accesses and fences; empty for others
    metadata   promises: `range` (pairs, unsigned), `nonnull`, `noundef`, `align`,
               `dereferenceable`, `dereferenceable_or_null`, `noalias.addrspace`, `nofpclass`
    tbaa       of a load or store: numbers for the base type, the offset, the access type, and for
               what the access type is a kind of, up to the root; empty where there is no tag. They
               mean something within one module, and equality does not look at them
    """

    opcode: str
    type: Type
    name: str = ""
    operands: tuple[Value, ...] = ()
    targets: tuple[str, ...] = ()
    cases: tuple[int, ...] = ()
    flags: frozenset[str] = frozenset()
    predicate: str = ""
    subject: Type | None = None
    indices: tuple[int | None, ...] = ()
    align: int = 0
    ordering: str = ""
    metadata: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    tbaa: tuple[int, ...] = field(default=(), compare=False)
    call: Call | None = None

    def __str__(self) -> str:
        """Close to LLVM's text; for people."""
        words = [self.opcode, *sorted(self.flags), self.predicate]
        if self.call:
            words.append(f"{self.call.callee}")
        if self.subject:
            words.append(f"{self.subject},")
        operands = ", ".join(f"{operand.type} {operand}" for operand in self.operands)
        words += [operands, *(f"label {target}" for target in self.targets)]
        text = " ".join(filter(None, words))
        return f"{self.name} = {text}" if self.name else text


@dataclass(frozen=True, slots=True)
class Block:
    name: str
    instructions: tuple[Instruction, ...]

    @property
    def terminator(self) -> Instruction:
        return self.instructions[-1]


@dataclass(frozen=True, slots=True)
class Parameter:
    type: Type
    name: str
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Function:
    """A function; a declaration has no blocks. The first block is the entry."""

    name: str
    type: FunctionType
    parameters: tuple[Parameter, ...]
    blocks: tuple[Block, ...] = ()
    attributes: Attributes = field(default_factory=dict)
    result: Attributes = field(default_factory=dict)  # attributes of the returned value
    is_local: bool = False
    may_be_replaced: bool = False  # at link or load time, by another definition

    def instructions(self) -> Iterator[Instruction]:
        for block in self.blocks:
            yield from block.instructions


@dataclass(frozen=True, slots=True)
class Variable:
    """A global variable. `initializer` is None for a declaration."""

    name: str
    type: Type
    initializer: Value | None
    is_constant: bool
    align: int
    space: int = 0
    is_local: bool = False
    may_be_replaced: bool = False
    unnamed_addr: bool = False
    thread_local: bool = False
    externally_initialized: bool = False


@dataclass(frozen=True, slots=True)
class Alias:
    name: str
    type: Type
    aliasee: Value


@dataclass(frozen=True, slots=True)
class Module:
    """A module's functions, variables and aliases, by name."""

    triple: str
    layout: Layout
    functions: Mapping[str, Function]
    variables: Mapping[str, Variable]
    aliases: Mapping[str, Alias]
