"""From a parsed module to `ir_tools.verify.ir`'s values, through LLVM-C.

LLVM itself says what everything means: types, layout, flags, attributes. Only `range` attributes,
for which LLVM-C has no getter, are read from the printed text.
"""

from __future__ import annotations

import ctypes
import functools
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ir_tools.instructions import OPCODES
from ir_tools.libllvm import library, take_message
from ir_tools.llvm import Module
from ir_tools.symbols import GlobalValue
from ir_tools.verify import ir
from ir_tools.verify.types import Types, elements

_FUNCTION_INDEX = 0xFFFFFFFF
_EVERY_THREAD = 1  # the scope without a name
_REPLACEABLE = {2, 4, 5, 7, 12, 14}  # linkages: *_any, weak, appending, extern_weak, common
_ICMP = dict(enumerate(("eq", "ne", "ugt", "uge", "ult", "ule", "sgt", "sge", "slt", "sle"), 32))
_FCMP = (
    "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord", "uno", "ueq", "ugt", "uge", "ult",
    "ule", "une", "true",
)  # fmt: skip
_ORDERINGS = {
    0: "", 1: "unordered", 2: "monotonic", 4: "acquire", 5: "release", 6: "acq_rel", 7: "seq_cst",
}  # fmt: skip
_FAST_MATH = ("reassoc", "nnan", "ninf", "nsz", "arcp", "contract", "afn")
_GEP_FLAGS = ("inbounds", "nusw", "nuw")
_TAIL = ("", "tail", "musttail", "notail")
_PROMISES = (
    "range", "nonnull", "noundef", "align", "dereferenceable", "dereferenceable_or_null",
    "noalias.addrspace", "nofpclass",
)  # fmt: skip
_ATTRIBUTES = (
    "align", "allockind", "allocptr", "allocsize", "alwaysinline", "byref", "byval", "captures",
    "cold", "convergent", "dead_on_return", "dead_on_unwind", "dereferenceable",
    "dereferenceable_or_null", "elementtype", "immarg", "inalloca", "initializes", "inreg",
    "memory", "minsize", "mustprogress", "naked", "nest", "noalias", "nobuiltin", "nocallback",
    "nocreateundeforpoison", "noduplicate", "noext", "nofpclass", "nofree", "noinline", "nonnull",
    "noprofile", "norecurse", "noreturn", "nosync", "noundef", "nounwind", "null_pointer_is_valid",
    "optnone", "optsize", "preallocated", "range", "readnone", "readonly", "returned",
    "returns_twice", "signext", "speculatable", "sret", "strictfp", "swiftasync", "swifterror",
    "swiftself", "uwtable", "willreturn", "writable", "writeonly", "zeroext",
)  # fmt: skip
_MEANINGFUL_STRINGS = ("denormal-fp-math", "denormal-fp-math-f32")
# The kinds of values, LLVMValueKind.
_ARGUMENT, _FUNCTION, _ALIAS, _IFUNC, _VARIABLE, _EXPRESSION = 0, 5, 6, 7, 8, 10
_AGGREGATES, _DATA = (11, 12, 13), (16, 17)
_UNDEF, _ZERO, _INT, _FLOAT, _NULL, _INSTRUCTION, _POISON = 14, 15, 18, 19, 20, 24, 25


def read_module(module: Module) -> ir.Module:
    """The whole module. Modules with ifuncs, and calls of them, are read as if they were unknown
    functions."""
    return _Reader(module).module()


@functools.cache
def _attribute_names() -> Mapping[int, str]:
    kind = library().LLVMGetEnumAttributeKindForName
    return {kind(name.encode(), len(name)): name for name in _ATTRIBUTES}


class _Reader:
    """Reads one module."""

    def __init__(self, module: Module) -> None:
        self._lib = library()
        self._module = module
        self._types = Types(module)
        self._types.space(0)
        self._names: dict[int, str] = {}  # of the function that is being read
        context = module.context.handle
        kind = self._lib.LLVMGetMDKindIDInContext
        self._promises = {name: kind(context, name.encode(), len(name)) for name in _PROMISES}
        self._tbaa_kind = kind(context, b"tbaa", 4)
        self._tags: dict[int, tuple[int, ...]] = {}

    def module(self) -> ir.Module:
        module, lib = self._module, self._lib
        functions = {f.name: self._function(f) for f in module.functions()}
        for handle in _chain(
            module.handle, lib.LLVMGetFirstGlobalIFunc, lib.LLVMGetNextGlobalIFunc
        ):
            name = GlobalValue(module, handle).name
            type_ = self._types[lib.LLVMGlobalGetValueType(handle)]
            assert isinstance(type_, ir.FunctionType)
            functions[name] = ir.Function(name, type_, (), may_be_replaced=True)
        variables = _chain(module.handle, lib.LLVMGetFirstGlobal, lib.LLVMGetNextGlobal)
        aliases = _chain(module.handle, lib.LLVMGetFirstGlobalAlias, lib.LLVMGetNextGlobalAlias)
        return ir.Module(
            triple=module.triple,
            functions=functions,
            variables={v.name: v for v in map(self._variable, variables)},
            aliases={a.name: a for a in map(self._alias, aliases)},
            layout=self._types.layout(),
        )

    def _variable(self, handle: int) -> ir.Variable:
        lib, variable = self._lib, GlobalValue(self._module, handle)
        initializer = lib.LLVMGetInitializer(handle)
        pointer = self._types[lib.LLVMTypeOf(handle)]
        assert isinstance(pointer, ir.PointerType)
        return ir.Variable(
            name=variable.name,
            type=self._types[variable.value_type],
            initializer=self._value(initializer) if initializer else None,
            is_constant=bool(lib.LLVMIsGlobalConstant(handle)),
            align=lib.LLVMGetAlignment(handle),
            space=pointer.space,
            is_local=variable.linkage.is_local,
            may_be_replaced=lib.LLVMGetLinkage(handle) in _REPLACEABLE,
            unnamed_addr=lib.LLVMGetUnnamedAddress(handle) == 2,
            thread_local=bool(lib.LLVMGetThreadLocalMode(handle)),
            externally_initialized=bool(lib.LLVMIsExternallyInitialized(handle)),
        )

    def _alias(self, handle: int) -> ir.Alias:
        alias = GlobalValue(self._module, handle)
        aliasee = self._value(self._lib.LLVMAliasGetAliasee(handle))
        return ir.Alias(alias.name, self._types[alias.value_type], aliasee)

    # functions ----------------------------------------------------------------------------------

    def _function(self, function: GlobalValue) -> ir.Function:
        lib, handle = self._lib, function.handle
        type_ = self._types[function.value_type]
        assert isinstance(type_, ir.FunctionType)
        self._names = self._name_all(handle)
        parameters = [lib.LLVMGetParam(handle, index) for index in range(len(type_.parameters))]
        attributes = self._attributes(
            len(parameters),
            functools.partial(lib.LLVMGetAttributeCountAtIndex, handle),
            functools.partial(lib.LLVMGetAttributesAtIndex, handle),
            functools.partial(_signature, handle),
        )
        return ir.Function(
            name=function.name,
            type=type_,
            parameters=tuple(
                ir.Parameter(parameter_type, self._names[parameter], found)
                for parameter, parameter_type, found in zip(
                    parameters, type_.parameters, attributes[2:], strict=True
                )
            ),
            blocks=tuple(map(self._block, self._blocks(handle))),
            attributes=attributes[0],
            result=attributes[1],
            is_local=function.linkage.is_local,
            may_be_replaced=lib.LLVMGetLinkage(handle) in _REPLACEABLE,
        )

    def _blocks(self, function: int) -> Iterator[int]:
        return _chain(function, self._lib.LLVMGetFirstBasicBlock, self._lib.LLVMGetNextBasicBlock)

    def _instructions(self, block: int) -> Iterator[int]:
        lib = self._lib
        return _chain(block, lib.LLVMGetFirstInstruction, lib.LLVMGetNextInstruction)

    def _name_all(self, function: int) -> dict[int, str]:
        """Names of arguments, blocks and results, numbered as LLVM's printer numbers them."""
        lib, names, number = self._lib, dict[int, str](), 0

        def name(handle: int) -> None:
            nonlocal number
            given = GlobalValue(self._module, handle).name
            names[handle] = f"%{given or number}"
            number += not given

        for index in range(lib.LLVMCountParams(function)):
            name(lib.LLVMGetParam(function, index))
        for block in self._blocks(function):
            name(lib.LLVMBasicBlockAsValue(block))
            for instruction in self._instructions(block):
                if lib.LLVMGetTypeKind(lib.LLVMTypeOf(instruction)) != 0:
                    name(instruction)
        return names

    def _block(self, handle: int) -> ir.Block:
        name = self._block_name(handle)
        return ir.Block(name, tuple(map(self._instruction, self._instructions(handle))))

    def _block_name(self, handle: int) -> str:
        return self._names[self._lib.LLVMBasicBlockAsValue(handle)]

    def _attributes(
        self,
        parameters: int,
        count: Callable[[int], int],
        fill: Callable[[int, Any], object],
        text: Callable[[], str],
    ) -> list[ir.Attributes]:
        """Those of the function, of its result and of each parameter."""
        found: list[ir.Attributes] = []
        ranges: list[tuple[int, int]] | None = None
        for index in (*range(parameters + 1), _FUNCTION_INDEX):
            attributes: dict[str, int | ir.Type | tuple[int, int]] = {}
            for handle in elements(count(index), functools.partial(fill, index)):
                name, value = self._attribute(handle)
                if name == "range":
                    ranges = _ranges(text()) if ranges is None else ranges
                    value = ranges.pop(0)
                if name:
                    attributes[name] = value
            found.append(attributes)
        return [found[-1], *found[:-1]]

    def _attribute(self, handle: int) -> tuple[str, int | ir.Type | tuple[int, int]]:
        """Its name, and its number or type; string attributes have no name, but for the mode of
        denormals where it is not IEEE's."""
        lib = self._lib
        if lib.LLVMIsStringAttribute(handle):
            return self._denormals(handle), 0
        name = _attribute_names().get(lib.LLVMGetEnumAttributeKind(handle), "")
        if lib.LLVMIsTypeAttribute(handle):
            type_ = lib.LLVMGetTypeAttributeValue(handle)
            return name, self._types[type_] if type_ else 0
        if name == "range" or not lib.LLVMIsEnumAttribute(handle):
            return name, 0
        return name, lib.LLVMGetEnumAttributeValue(handle)

    def _denormals(self, handle: int) -> str:
        """The name of an attribute by which denormals are not what IEEE says; else nothing."""
        lib, length = self._lib, ctypes.c_uint()
        start = lib.LLVMGetStringAttributeKind(handle, ctypes.byref(length))
        name = ctypes.string_at(start, length.value).decode()
        if not name.startswith("denormal-fp-math"):
            return ""
        start = lib.LLVMGetStringAttributeValue(handle, ctypes.byref(length))
        mode = ctypes.string_at(start, length.value)
        return "" if mode in (b"", b"ieee", b"ieee,ieee") else name

    # instructions -------------------------------------------------------------------------------

    def _instruction(self, handle: int) -> ir.Instruction:
        lib = self._lib
        opcode = OPCODES.get(lib.LLVMGetInstructionOpcode(handle), "unknown")
        type_ = self._types[lib.LLVMTypeOf(handle)]
        details = self._details(opcode, handle, is_constant=False)
        return ir.Instruction(
            opcode=opcode,
            type=type_,
            name=self._names.get(handle, ""),
            flags=self._flags(opcode, handle),
            metadata=self._metadata(handle) if opcode in ("load", "call", "invoke") else {},
            tbaa=self._tbaa(handle) if opcode in ("load", "store") else (),
            **({"operands": self._operands(handle)} | details),
        )

    def _operands(self, handle: int) -> tuple[ir.Value, ...]:
        lib = self._lib
        count = lib.LLVMGetNumOperands(handle)
        return tuple(self._value(lib.LLVMGetOperand(handle, index)) for index in range(count))

    def _details(self, opcode: str, handle: int, is_constant: bool) -> dict[str, Any]:
        """The fields that only some opcodes have."""
        lib = self._lib
        match opcode:
            case "br":
                condition = lib.LLVMIsConditional(handle) and lib.LLVMGetCondition(handle)
                operands = (self._value(condition),) if condition else ()
                return {"operands": operands, "targets": self._successors(handle)}
            case "switch":
                return self._switch(handle)
            case "phi":
                incoming = range(lib.LLVMCountIncoming(handle))
                return {
                    "operands": tuple(
                        self._value(lib.LLVMGetIncomingValue(handle, i)) for i in incoming
                    ),
                    "targets": tuple(
                        self._block_name(lib.LLVMGetIncomingBlock(handle, i)) for i in incoming
                    ),
                }
            case "icmp":
                return {"predicate": _ICMP[lib.LLVMGetICmpPredicate(handle)]}
            case "fcmp":
                return {"predicate": _FCMP[lib.LLVMGetFCmpPredicate(handle)]}
            case "alloca":
                subject = self._types[lib.LLVMGetAllocatedType(handle)]
                return {"subject": subject, "align": lib.LLVMGetAlignment(handle)}
            case "getelementptr":
                return {"subject": self._types[lib.LLVMGetGEPSourceElementType(handle)]}
            case "extractvalue" | "insertvalue":
                indices = lib.LLVMGetIndices(handle)
                return {"indices": tuple(indices[i] for i in range(lib.LLVMGetNumIndices(handle)))}
            case "shufflevector":
                mask = [
                    lib.LLVMGetMaskValue(handle, i)
                    for i in range(lib.LLVMGetNumMaskElements(handle))
                ]
                return {"indices": tuple(None if each < 0 else each for each in mask)}
            case "load" | "store" | "fence" | "atomicrmw" | "cmpxchg":
                return self._access(opcode, handle)
            case "call" | "invoke" | "callbr" if not is_constant:
                return self._call(handle)
        return {}

    def _switch(self, handle: int) -> dict[str, Any]:
        lib = self._lib
        condition = self._value(lib.LLVMGetOperand(handle, 0))
        cases = [
            self._value(lib.LLVMGetSwitchCaseValue(handle, index))
            for index in range(1, lib.LLVMGetNumSuccessors(handle))
        ]
        values = tuple(case.value for case in cases if isinstance(case, ir.ConstantInt))
        return {"operands": (condition,), "targets": self._successors(handle), "cases": values}

    def _successors(self, handle: int) -> tuple[str, ...]:
        lib = self._lib
        count = lib.LLVMGetNumSuccessors(handle)
        return tuple(self._block_name(lib.LLVMGetSuccessor(handle, i)) for i in range(count))

    def _access(self, opcode: str, handle: int) -> dict[str, Any]:
        lib = self._lib
        details: dict[str, Any] = {"ordering": self._ordering(opcode, handle)}
        if opcode != "fence":
            details["align"] = lib.LLVMGetAlignment(handle)
        if opcode == "atomicrmw":
            details["predicate"] = str(lib.LLVMGetAtomicRMWBinOp(handle))
        return details

    def _ordering(self, opcode: str, handle: int) -> str:
        """All that an access asks of other threads, in words."""
        lib = self._lib
        if opcode == "cmpxchg":
            both = lib.LLVMGetCmpXchgSuccessOrdering, lib.LLVMGetCmpXchgFailureOrdering
            words = [*(_ORDERINGS[get(handle)] for get in both), "weak" * lib.LLVMGetWeak(handle)]
        else:
            words = [_ORDERINGS[lib.LLVMGetOrdering(handle)]]
        if words[0] and (scope := lib.LLVMGetAtomicSyncScopeID(handle)) != _EVERY_THREAD:
            words.append(f"syncscope {scope}")
        return " ".join(filter(None, words))

    def _call(self, handle: int) -> dict[str, Any]:
        lib = self._lib
        type_ = self._types[lib.LLVMGetCalledFunctionType(handle)]
        assert isinstance(type_, ir.FunctionType)
        count = lib.LLVMGetNumArgOperands(handle)
        attributes = self._attributes(
            count,
            functools.partial(lib.LLVMGetCallSiteAttributeCount, handle),
            functools.partial(lib.LLVMGetCallSiteAttributes, handle),
            functools.partial(_printed, handle),
        )
        call = ir.Call(
            callee=self._value(lib.LLVMGetCalledValue(handle)),
            type=type_,
            attributes=attributes[0],
            result=attributes[1],
            parameters=tuple(attributes[2:]),
            bundles=tuple(map(self._bundle, self._bundles(handle))),
            tail=_TAIL[lib.LLVMGetTailCallKind(handle)] if lib.LLVMIsACallInst(handle) else "",
        )
        arguments = tuple(self._value(lib.LLVMGetArgOperand(handle, i)) for i in range(count))
        return {"operands": arguments, "call": call}

    def _bundles(self, handle: int) -> Iterator[int]:
        for index in range(self._lib.LLVMGetNumOperandBundles(handle)):
            yield self._lib.LLVMGetOperandBundleAtIndex(handle, index)

    def _bundle(self, bundle: int) -> tuple[str, tuple[ir.Value, ...]]:
        lib, length = self._lib, ctypes.c_size_t()
        start = lib.LLVMGetOperandBundleTag(bundle, ctypes.byref(length))
        tag = ctypes.string_at(start, length.value).decode()
        values = tuple(
            self._value(lib.LLVMGetOperandBundleArgAtIndex(bundle, index))
            for index in range(lib.LLVMGetNumOperandBundleArgs(bundle))
        )
        lib.LLVMDisposeOperandBundle(bundle)
        return tag, values

    def _flags(self, opcode: str, handle: int) -> frozenset[str]:
        lib, flags = self._lib, set[str]()

        def add(name: str, is_set: int) -> None:
            if is_set:
                flags.add(name)

        match opcode:
            case "add" | "sub" | "mul" | "shl" | "trunc":
                add("nsw", lib.LLVMGetNSW(handle))
                add("nuw", lib.LLVMGetNUW(handle))
            case "udiv" | "sdiv" | "lshr" | "ashr":
                add("exact", lib.LLVMGetExact(handle))
            case "zext" | "uitofp":
                add("nneg", lib.LLVMGetNNeg(handle))
            case "or":
                add("disjoint", lib.LLVMGetIsDisjoint(handle))
            case "icmp":
                add("samesign", lib.LLVMGetICmpSameSign(handle))
            case "getelementptr":
                bits = lib.LLVMGEPGetNoWrapFlags(handle)
                flags.update(name for i, name in enumerate(_GEP_FLAGS) if bits >> i & 1)
            case "load" | "store" | "atomicrmw" | "cmpxchg":
                add("volatile", lib.LLVMGetVolatile(handle))
        if lib.LLVMCanValueUseFastMathFlags(handle):
            bits = lib.LLVMGetFastMathFlags(handle)
            flags.update(name for i, name in enumerate(_FAST_MATH) if bits >> i & 1)
        return frozenset(flags)

    def _metadata(self, handle: int) -> dict[str, tuple[int, ...]]:
        lib = self._lib
        found = {}
        for name, kind in self._promises.items():
            node = lib.LLVMGetMetadata(handle, kind)
            if node:
                values = map(self._value, self._nodes(node))
                found[name] = tuple(v.value for v in values if isinstance(v, ir.ConstantInt))
        return found

    def _tbaa(self, handle: int) -> tuple[int, ...]:
        node = self._lib.LLVMGetMetadata(handle, self._tbaa_kind)
        if not node:
            return ()
        if node not in self._tags:
            base, access, offset, *_ = self._nodes(node)
            chain = [access]
            while len(above := self._nodes(chain[-1])) > 1:
                chain.append(above[1])
            where = self._value(offset)
            assert isinstance(where, ir.ConstantInt)
            self._tags[node] = (base, where.value, *chain)
        return self._tags[node]

    def _nodes(self, node: int) -> list[int]:
        lib = self._lib
        count = lib.LLVMGetMDNodeNumOperands(node)
        return elements(count, functools.partial(lib.LLVMGetMDNodeOperands, node))

    # operands -----------------------------------------------------------------------------------

    def _value(self, handle: int) -> ir.Value:
        lib = self._lib
        type_ = self._types[lib.LLVMTypeOf(handle)]
        kind = lib.LLVMGetValueKind(handle)
        if kind in (_ARGUMENT, _INSTRUCTION):
            return ir.Local(type_, self._names[handle])
        if kind in (_FUNCTION, _ALIAS, _IFUNC, _VARIABLE):
            assert isinstance(type_, ir.PointerType)
            return ir.GlobalRef(type_, GlobalValue(self._module, handle).name)
        if kind == _POISON:
            return ir.Poison(type_)
        if kind == _UNDEF:
            return ir.Undef(type_)
        if kind in (_ZERO, _NULL):
            return ir.Zero(type_)
        if kind == _INT and isinstance(type_, ir.IntType):
            return ir.ConstantInt(type_, self._integer(handle, type_.bits))
        if kind == _FLOAT and isinstance(type_, ir.FloatType):
            return ir.ConstantFloat(type_, self._pattern(handle, type_.bits))
        return self._compound(handle, kind, type_)

    def _compound(self, handle: int, kind: int, type_: ir.Type) -> ir.Value:
        lib = self._lib
        if isinstance(type_, ir.ArrayType | ir.StructType | ir.VectorType):
            if kind in _DATA and isinstance(type_, ir.ArrayType | ir.VectorType):
                size = ctypes.c_size_t()
                start = lib.LLVMGetRawDataValues(handle, ctypes.byref(size))
                raw = ctypes.string_at(start, size.value)
                return ir.Data(type_, self._in_memory(raw, size.value // (type_.count or 1)))
            if kind in _AGGREGATES:
                return ir.Aggregate(type_, self._operands(handle))
        if kind == _EXPRESSION:
            opcode = OPCODES.get(lib.LLVMGetConstOpcode(handle), "unknown")
            details = self._details(opcode, handle, is_constant=True)
            flags = self._flags(opcode, handle)
            operands = self._operands(handle)
            return ir.Expression(
                ir.Instruction(opcode, type_, "", operands, flags=flags, **details)
            )
        return ir.Other(type_, take_message(lib.LLVMPrintValueToString(handle))[:200])

    def _in_memory(self, raw: bytes, size: int) -> bytes:
        """LLVM keeps numbers in its own machine's order; here they are in the module's."""
        order = "little" if self._types.layout().little_endian else "big"
        if order == sys.byteorder or not size:
            return raw
        return b"".join(raw[i : i + size][::-1] for i in range(0, len(raw), size))

    def _integer(self, handle: int, bits: int) -> int:
        if bits <= 64:
            value: int = self._lib.LLVMConstIntGetZExtValue(handle)
            return value
        return int(_printed(handle).split()[-1]) % (1 << bits)

    def _pattern(self, handle: int, bits: int) -> int:
        lib = self._lib
        integer = lib.LLVMIntTypeInContext(self._module.context.handle, bits)
        return self._integer(lib.LLVMConstBitCast(handle, integer), bits)


def _chain(
    owner: int | None, first: Callable[[Any], int | None], following: Callable[[int], int | None]
) -> Iterator[int]:
    handle = first(owner)
    while handle:
        yield handle
        handle = following(handle)


def _printed(handle: int) -> str:
    return take_message(library().LLVMPrintValueToString(handle))


def _signature(handle: int) -> str:
    """The first line of a function's text."""
    return next(line for line in _printed(handle).splitlines() if line.startswith(("def", "decl")))


def _ranges(text: str) -> list[tuple[int, int]]:
    """Every `range(iN low, high)` of a line, in order; that is: result first, then parameters."""
    plain = re.sub(r'"[^"]*"', "", text)
    found = re.findall(r"\brange\(i(\d+) (-?\d+), (-?\d+)\)", plain)
    return [(int(low) % (1 << int(n)), int(high) % (1 << int(n))) for n, low, high in found]
