"""The LLVM-C functions that Ozone uses, declared once for ctypes.

`libLLVM.so.22.1` (Debian's `libllvm22`) exports LLVM-C, whose `LLVMRunPasses` takes any textual
pipeline in process. llvmlite embeds the same LLVM but exports neither LLVM-C symbols nor arbitrary
pipelines. Everything above this file is Pythonic; nothing above it touches ctypes types.
"""

from __future__ import annotations

import ctypes
import functools

from ir_tools.installed import loaded, loaded_version

_VOID = None
_PTR = ctypes.c_void_p
_STR = ctypes.c_char_p
_INT = ctypes.c_int
_UINT = ctypes.c_uint
_SIZE = ctypes.c_size_t
_U64 = ctypes.c_uint64
_OUT_PTR = ctypes.POINTER(ctypes.c_void_p)
_OUT_SIZE = ctypes.POINTER(ctypes.c_size_t)
_OUT_UINT = ctypes.POINTER(ctypes.c_uint)

DiagnosticHandler = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)

# name: (result, arguments). A message result that must be disposed is a _PTR, never a _STR: ctypes
# would copy the text and lose the pointer.
_SIGNATURES: dict[str, tuple[object, tuple[object, ...]]] = {
    "LLVMEnablePrettyStackTrace": (_VOID, ()),
    "LLVMParseCommandLineOptions": (_VOID, (_INT, ctypes.POINTER(_STR), _STR)),
    "LLVMDisposeMessage": (_VOID, (_PTR,)),
    "LLVMGetErrorMessage": (_PTR, (_PTR,)),
    "LLVMDisposeErrorMessage": (_VOID, (_PTR,)),
    # contexts and diagnostics
    "LLVMContextCreate": (_PTR, ()),
    "LLVMContextDispose": (_VOID, (_PTR,)),
    "LLVMContextShouldDiscardValueNames": (_INT, (_PTR,)),
    "LLVMContextSetDiscardValueNames": (_VOID, (_PTR, _INT)),
    "LLVMContextSetDiagnosticHandler": (_VOID, (_PTR, DiagnosticHandler, _PTR)),
    "LLVMGetDiagInfoSeverity": (_INT, (_PTR,)),
    "LLVMGetDiagInfoDescription": (_PTR, (_PTR,)),
    # memory buffers
    "LLVMCreateMemoryBufferWithMemoryRangeCopy": (_PTR, (_STR, _SIZE, _STR)),
    "LLVMDisposeMemoryBuffer": (_VOID, (_PTR,)),
    "LLVMGetBufferStart": (_PTR, (_PTR,)),
    "LLVMGetBufferSize": (_SIZE, (_PTR,)),
    # modules
    "LLVMParseIRInContext": (_INT, (_PTR, _PTR, _OUT_PTR, _OUT_PTR)),
    "LLVMWriteBitcodeToMemoryBuffer": (_PTR, (_PTR,)),
    "LLVMPrintModuleToString": (_PTR, (_PTR,)),
    "LLVMSetModuleIdentifier": (_VOID, (_PTR, _STR, _SIZE)),
    "LLVMGetSourceFileName": (_PTR, (_PTR, _OUT_SIZE)),
    "LLVMSetSourceFileName": (_VOID, (_PTR, _STR, _SIZE)),
    "LLVMCloneModule": (_PTR, (_PTR,)),
    "LLVMDisposeModule": (_VOID, (_PTR,)),
    "LLVMStripModuleDebugInfo": (_INT, (_PTR,)),
    "LLVMVerifyModule": (_INT, (_PTR, _INT, _OUT_PTR)),
    "LLVMVerifyFunction": (_INT, (_PTR, _INT)),
    "LLVMGetTarget": (_PTR, (_PTR,)),
    "LLVMSetTarget": (_VOID, (_PTR, _STR)),
    "LLVMLinkModules2": (_INT, (_PTR, _PTR)),
    "LLVMSetDataLayout": (_VOID, (_PTR, _STR)),
    "LLVMSetModuleDataLayout": (_VOID, (_PTR, _PTR)),
    "LLVMGetDataLayoutStr": (_STR, (_PTR,)),
    "LLVMGetModuleFlag": (_PTR, (_PTR, _STR, _SIZE)),
    "LLVMSetModuleInlineAsm2": (_VOID, (_PTR, _STR, _SIZE)),
    # functions, globals, values
    "LLVMGetNamedFunction": (_PTR, (_PTR, _STR)),
    "LLVMGetFirstFunction": (_PTR, (_PTR,)),
    "LLVMGetNextFunction": (_PTR, (_PTR,)),
    "LLVMGetFirstGlobal": (_PTR, (_PTR,)),
    "LLVMGetNextGlobal": (_PTR, (_PTR,)),
    "LLVMGetFirstGlobalAlias": (_PTR, (_PTR,)),
    "LLVMGetNextGlobalAlias": (_PTR, (_PTR,)),
    "LLVMGetFirstGlobalIFunc": (_PTR, (_PTR,)),
    "LLVMGetNextGlobalIFunc": (_PTR, (_PTR,)),
    "LLVMIsDeclaration": (_INT, (_PTR,)),
    "LLVMGetValueName2": (_PTR, (_PTR, _OUT_SIZE)),
    "LLVMSetValueName2": (_VOID, (_PTR, _STR, _SIZE)),
    "LLVMGetLinkage": (_INT, (_PTR,)),
    "LLVMSetLinkage": (_VOID, (_PTR, _INT)),
    "LLVMGetVisibility": (_INT, (_PTR,)),
    "LLVMSetVisibility": (_VOID, (_PTR, _INT)),
    "LLVMGetComdat": (_PTR, (_PTR,)),
    "LLVMGetOrInsertComdat": (_PTR, (_PTR, _STR)),
    "LLVMGlobalGetValueType": (_PTR, (_PTR,)),
    "LLVMGetFirstBasicBlock": (_PTR, (_PTR,)),
    "LLVMGetNextBasicBlock": (_PTR, (_PTR,)),
    "LLVMGetFirstInstruction": (_PTR, (_PTR,)),
    "LLVMGetNextInstruction": (_PTR, (_PTR,)),
    "LLVMGetEnumAttributeKindForName": (_UINT, (_STR, _SIZE)),
    "LLVMGetEnumAttributeAtIndex": (_PTR, (_PTR, _UINT, _UINT)),
    "LLVMCreateEnumAttribute": (_PTR, (_PTR, _UINT, _U64)),
    "LLVMAddAttributeAtIndex": (_VOID, (_PTR, _UINT, _PTR)),
    "LLVMRemoveEnumAttributeAtIndex": (_VOID, (_PTR, _UINT, _UINT)),
    "LLVMGetStringAttributeAtIndex": (_PTR, (_PTR, _UINT, _STR, _UINT)),
    "LLVMIsAConstantInt": (_PTR, (_PTR,)),
    "LLVMConstIntGetZExtValue": (_U64, (_PTR,)),
    "LLVMMetadataAsValue": (_PTR, (_PTR, _PTR)),
    "LLVMGetNumOperands": (_INT, (_PTR,)),
    "LLVMGetOperand": (_PTR, (_PTR, _UINT)),
    "LLVMGetFirstUse": (_PTR, (_PTR,)),
    "LLVMGetNextUse": (_PTR, (_PTR,)),
    "LLVMGetUser": (_PTR, (_PTR,)),
    # taking functions out, putting bodies back (partition, merge)
    "LLVMIsABlockAddress": (_PTR, (_PTR,)),
    "LLVMIsACallInst": (_PTR, (_PTR,)),
    "LLVMIsAFunction": (_PTR, (_PTR,)),
    "LLVMIsAInstruction": (_PTR, (_PTR,)),
    "LLVMIsAGlobalVariable": (_PTR, (_PTR,)),
    "LLVMIsAGlobalIFunc": (_PTR, (_PTR,)),
    "LLVMIsAGlobalValue": (_PTR, (_PTR,)),
    "LLVMGetInstructionParent": (_PTR, (_PTR,)),
    "LLVMGetBasicBlockParent": (_PTR, (_PTR,)),
    "LLVMRemoveBasicBlockFromParent": (_VOID, (_PTR,)),
    "LLVMAppendExistingBasicBlock": (_VOID, (_PTR, _PTR)),
    "LLVMReplaceAllUsesWith": (_VOID, (_PTR, _PTR)),
    "LLVMAddFunction": (_PTR, (_PTR, _STR, _PTR)),
    "LLVMCountParams": (_UINT, (_PTR,)),
    "LLVMGetParam": (_PTR, (_PTR, _UINT)),
    "LLVMGetFunctionCallConv": (_UINT, (_PTR,)),
    "LLVMSetFunctionCallConv": (_VOID, (_PTR, _UINT)),
    "LLVMGetSection": (_STR, (_PTR,)),
    "LLVMSetSection": (_VOID, (_PTR, _STR)),
    "LLVMAddNamedMetadataOperand": (_VOID, (_PTR, _STR, _PTR)),
    "LLVMHasPersonalityFn": (_INT, (_PTR,)),
    "LLVMGetPersonalityFn": (_PTR, (_PTR,)),
    "LLVMSetPersonalityFn": (_VOID, (_PTR, _PTR)),
    "LLVMGetSubprogram": (_PTR, (_PTR,)),
    "LLVMSetSubprogram": (_VOID, (_PTR, _PTR)),
    "LLVMAddGlobalInAddressSpace": (_PTR, (_PTR, _PTR, _STR, _UINT)),
    "LLVMDeleteGlobal": (_VOID, (_PTR,)),
    "LLVMEraseGlobalIFunc": (_VOID, (_PTR,)),
    "LLVMGetInitializer": (_PTR, (_PTR,)),
    "LLVMSetInitializer": (_VOID, (_PTR, _PTR)),
    "LLVMIsGlobalConstant": (_INT, (_PTR,)),
    "LLVMIsExternallyInitialized": (_INT, (_PTR,)),
    "LLVMSetComdat": (_VOID, (_PTR, _PTR)),
    "LLVMGetAlignment": (_UINT, (_PTR,)),
    "LLVMSetAlignment": (_VOID, (_PTR, _UINT)),
    "LLVMGetThreadLocalMode": (_INT, (_PTR,)),
    "LLVMSetThreadLocalMode": (_VOID, (_PTR, _INT)),
    "LLVMGetUnnamedAddress": (_INT, (_PTR,)),
    "LLVMSetUnnamedAddress": (_VOID, (_PTR, _INT)),
    "LLVMGlobalClearMetadata": (_VOID, (_PTR,)),
    "LLVMGetNamedMetadataNumOperands": (_UINT, (_PTR, _STR)),
    "LLVMGetNamedMetadataOperands": (_VOID, (_PTR, _STR, _OUT_PTR)),
    "LLVMReplaceMDNodeOperandWith": (_VOID, (_PTR, _UINT, _PTR)),
    "LLVMModuleCreateWithNameInContext": (_PTR, (_STR, _PTR)),
    "LLVMSetGlobalConstant": (_VOID, (_PTR, _INT)),
    "LLVMGetAttributeCountAtIndex": (_UINT, (_PTR, _UINT)),
    "LLVMGetAttributesAtIndex": (_VOID, (_PTR, _UINT, _OUT_PTR)),
    "LLVMTypeOf": (_PTR, (_PTR,)),
    "LLVMGetTypeKind": (_INT, (_PTR,)),
    "LLVMCountStructElementTypes": (_UINT, (_PTR,)),
    "LLVMGetStructElementTypes": (_VOID, (_PTR, _OUT_PTR)),
    "LLVMGetPointerAddressSpace": (_UINT, (_PTR,)),
    "LLVMPrintValueToString": (_PTR, (_PTR,)),
    "LLVMGetNumContainedTypes": (_UINT, (_PTR,)),
    "LLVMGetSubtypes": (_VOID, (_PTR, _OUT_PTR)),
    "LLVMGetArrayLength2": (_U64, (_PTR,)),
    "LLVMIsPackedStruct": (_INT, (_PTR,)),
    "LLVMIsTypeAttribute": (_INT, (_PTR,)),
    "LLVMGetTypeAttributeValue": (_PTR, (_PTR,)),
    # reading functions as values (ir_tools.verify.reader)
    "LLVMGetModuleDataLayout": (_PTR, (_PTR,)),
    "LLVMStoreSizeOfType": (_U64, (_PTR, _PTR)),
    "LLVMABIAlignmentOfType": (_UINT, (_PTR, _PTR)),
    "LLVMOffsetOfElement": (_U64, (_PTR, _PTR, _UINT)),
    "LLVMPointerSizeForAS": (_UINT, (_PTR, _UINT)),
    "LLVMByteOrder": (_INT, (_PTR,)),
    "LLVMTypeIsSized": (_INT, (_PTR,)),
    "LLVMPrintTypeToString": (_PTR, (_PTR,)),
    "LLVMGetIntTypeWidth": (_UINT, (_PTR,)),
    "LLVMGetVectorSize": (_UINT, (_PTR,)),
    "LLVMGetElementType": (_PTR, (_PTR,)),
    "LLVMGetReturnType": (_PTR, (_PTR,)),
    "LLVMIsFunctionVarArg": (_INT, (_PTR,)),
    "LLVMGetParamTypes": (_VOID, (_PTR, _OUT_PTR)),
    "LLVMCountParamTypes": (_UINT, (_PTR,)),
    "LLVMGetValueKind": (_INT, (_PTR,)),
    "LLVMGetAggregateElement": (_PTR, (_PTR, _UINT)),
    "LLVMGetRawDataValues": (_PTR, (_PTR, _OUT_SIZE)),
    "LLVMConstBitCast": (_PTR, (_PTR, _PTR)),
    "LLVMIntTypeInContext": (_PTR, (_PTR, _UINT)),
    "LLVMGetConstOpcode": (_INT, (_PTR,)),
    "LLVMGetInstructionOpcode": (_INT, (_PTR,)),
    "LLVMBasicBlockAsValue": (_PTR, (_PTR,)),
    "LLVMValueAsBasicBlock": (_PTR, (_PTR,)),
    "LLVMGetNumSuccessors": (_UINT, (_PTR,)),
    "LLVMGetSuccessor": (_PTR, (_PTR, _UINT)),
    "LLVMGetSwitchCaseValue": (_PTR, (_PTR, _UINT)),
    "LLVMIsConditional": (_INT, (_PTR,)),
    "LLVMGetCondition": (_PTR, (_PTR,)),
    "LLVMCountIncoming": (_UINT, (_PTR,)),
    "LLVMGetIncomingValue": (_PTR, (_PTR, _UINT)),
    "LLVMGetIncomingBlock": (_PTR, (_PTR, _UINT)),
    "LLVMGetICmpPredicate": (_INT, (_PTR,)),
    "LLVMGetFCmpPredicate": (_INT, (_PTR,)),
    "LLVMGetICmpSameSign": (_INT, (_PTR,)),
    "LLVMGetNSW": (_INT, (_PTR,)),
    "LLVMGetNUW": (_INT, (_PTR,)),
    "LLVMGetExact": (_INT, (_PTR,)),
    "LLVMGetNNeg": (_INT, (_PTR,)),
    "LLVMGetIsDisjoint": (_INT, (_PTR,)),
    "LLVMGEPGetNoWrapFlags": (_UINT, (_PTR,)),
    "LLVMCanValueUseFastMathFlags": (_INT, (_PTR,)),
    "LLVMGetFastMathFlags": (_UINT, (_PTR,)),
    "LLVMGetAllocatedType": (_PTR, (_PTR,)),
    "LLVMGetGEPSourceElementType": (_PTR, (_PTR,)),
    "LLVMGetNumIndices": (_UINT, (_PTR,)),
    "LLVMGetIndices": (_OUT_UINT, (_PTR,)),
    "LLVMGetNumMaskElements": (_UINT, (_PTR,)),
    "LLVMGetMaskValue": (_INT, (_PTR, _UINT)),
    "LLVMGetVolatile": (_INT, (_PTR,)),
    "LLVMGetOrdering": (_INT, (_PTR,)),
    "LLVMGetAtomicRMWBinOp": (_INT, (_PTR,)),
    "LLVMGetCmpXchgSuccessOrdering": (_INT, (_PTR,)),
    "LLVMGetCmpXchgFailureOrdering": (_INT, (_PTR,)),
    "LLVMGetWeak": (_INT, (_PTR,)),
    "LLVMGetAtomicSyncScopeID": (ctypes.c_uint, (_PTR,)),
    "LLVMGetCalledValue": (_PTR, (_PTR,)),
    "LLVMGetCalledFunctionType": (_PTR, (_PTR,)),
    "LLVMGetNumArgOperands": (_UINT, (_PTR,)),
    "LLVMGetArgOperand": (_PTR, (_PTR, _UINT)),
    "LLVMGetTailCallKind": (_INT, (_PTR,)),
    "LLVMGetCallSiteAttributeCount": (_UINT, (_PTR, _UINT)),
    "LLVMGetCallSiteAttributes": (_VOID, (_PTR, _UINT, _OUT_PTR)),
    "LLVMGetNumOperandBundles": (_UINT, (_PTR,)),
    "LLVMGetOperandBundleAtIndex": (_PTR, (_PTR, _UINT)),
    "LLVMGetOperandBundleTag": (_PTR, (_PTR, _OUT_SIZE)),
    "LLVMGetNumOperandBundleArgs": (_UINT, (_PTR,)),
    "LLVMGetOperandBundleArgAtIndex": (_PTR, (_PTR, _UINT)),
    "LLVMDisposeOperandBundle": (_VOID, (_PTR,)),
    "LLVMIsEnumAttribute": (_INT, (_PTR,)),
    "LLVMGetEnumAttributeKind": (_UINT, (_PTR,)),
    "LLVMGetEnumAttributeValue": (_U64, (_PTR,)),
    "LLVMIsStringAttribute": (_INT, (_PTR,)),
    "LLVMGetStringAttributeKind": (_PTR, (_PTR, _OUT_UINT)),
    "LLVMGetStringAttributeValue": (_PTR, (_PTR, _OUT_UINT)),
    "LLVMGetMDKindIDInContext": (_UINT, (_PTR, _STR, _UINT)),
    "LLVMGetMetadata": (_PTR, (_PTR, _UINT)),
    "LLVMGetMDNodeNumOperands": (_UINT, (_PTR,)),
    "LLVMGetMDNodeOperands": (_VOID, (_PTR, _OUT_PTR)),
    "LLVMAliasGetAliasee": (_PTR, (_PTR,)),
    # building and running code in process (ir_tools.verify.jit)
    "LLVMLinkInMCJIT": (_VOID, ()),
    "LLVMCreateMCJITCompilerForModule": (_INT, (_OUT_PTR, _PTR, _PTR, _SIZE, _OUT_PTR)),
    "LLVMAddGlobalMapping": (_VOID, (_PTR, _PTR, _PTR)),
    "LLVMGetGlobalValueAddress": (_U64, (_PTR, _STR)),
    "LLVMCreateBuilderInContext": (_PTR, (_PTR,)),
    "LLVMAppendBasicBlockInContext": (_PTR, (_PTR, _PTR, _STR)),
    "LLVMPositionBuilderAtEnd": (_VOID, (_PTR, _PTR)),
    "LLVMBuildAlloca": (_PTR, (_PTR, _PTR, _STR)),
    "LLVMBuildLoad2": (_PTR, (_PTR, _PTR, _PTR, _STR)),
    "LLVMBuildStore": (_PTR, (_PTR, _PTR, _PTR)),
    "LLVMBuildMemSet": (_PTR, (_PTR, _PTR, _PTR, _PTR, _UINT)),
    "LLVMBuildGEP2": (_PTR, (_PTR, _PTR, _PTR, _OUT_PTR, _UINT, _STR)),
    "LLVMBuildCall2": (_PTR, (_PTR, _PTR, _PTR, _OUT_PTR, _UINT, _STR)),
    "LLVMBuildIsNull": (_PTR, (_PTR, _PTR, _STR)),
    "LLVMBuildCondBr": (_PTR, (_PTR, _PTR, _PTR, _PTR)),
    "LLVMBuildRet": (_PTR, (_PTR, _PTR)),
    "LLVMBuildRetVoid": (_PTR, (_PTR,)),
    "LLVMBuildUnreachable": (_PTR, (_PTR,)),
    "LLVMAddCallSiteAttribute": (_VOID, (_PTR, _UINT, _PTR)),
    "LLVMGetInstructionCallConv": (_UINT, (_PTR,)),
    "LLVMSetInstructionCallConv": (_VOID, (_PTR, _UINT)),
    "LLVMCopyStringRepOfTargetData": (_PTR, (_PTR,)),
    "LLVMConstInt": (_PTR, (_PTR, _U64, _INT)),
    "LLVMGetPoison": (_PTR, (_PTR,)),
    "LLVMConstIntToPtr": (_PTR, (_PTR, _PTR)),
    "LLVMVoidTypeInContext": (_PTR, (_PTR,)),
    "LLVMPointerTypeInContext": (_PTR, (_PTR, _UINT)),
    "LLVMArrayType2": (_PTR, (_PTR, _U64)),
    "LLVMFunctionType": (_PTR, (_PTR, _OUT_PTR, _UINT, _INT)),
    # passes
    "LLVMCreatePassBuilderOptions": (_PTR, ()),
    "LLVMDisposePassBuilderOptions": (_VOID, (_PTR,)),
    "LLVMRunPasses": (_PTR, (_PTR, _STR, _PTR, _PTR)),
    "LLVMRunPassesOnFunction": (_PTR, (_PTR, _STR, _PTR, _PTR)),
    # targets and objects
    "LLVMGetDefaultTargetTriple": (_PTR, ()),
    "LLVMGetTargetFromTriple": (_INT, (_STR, _OUT_PTR, _OUT_PTR)),
    "LLVMCreateTargetMachine": (_PTR, (_PTR, _STR, _STR, _STR, _INT, _INT, _INT)),
    "LLVMCreateTargetDataLayout": (_PTR, (_PTR,)),
    "LLVMDisposeTargetData": (_VOID, (_PTR,)),
    "LLVMABISizeOfType": (_U64, (_PTR, _PTR)),
    "LLVMDisposeTargetMachine": (_VOID, (_PTR,)),
    "LLVMTargetMachineEmitToMemoryBuffer": (_INT, (_PTR, _PTR, _INT, _OUT_PTR, _OUT_PTR)),
    "LLVMBinaryGetType": (_INT, (_PTR,)),
    "LLVMCreateBinary": (_PTR, (_PTR, _PTR, _OUT_PTR)),
    "LLVMDisposeBinary": (_VOID, (_PTR,)),
    "LLVMObjectFileCopySectionIterator": (_PTR, (_PTR,)),
    "LLVMObjectFileIsSectionIteratorAtEnd": (_INT, (_PTR, _PTR)),
    "LLVMDisposeSectionIterator": (_VOID, (_PTR,)),
    "LLVMMoveToNextSection": (_VOID, (_PTR,)),
    "LLVMMoveToContainingSection": (_VOID, (_PTR, _PTR)),
    "LLVMGetSectionName": (_STR, (_PTR,)),
    "LLVMGetSectionSize": (_U64, (_PTR,)),
    "LLVMGetSectionContents": (_PTR, (_PTR,)),
    "LLVMGetSectionAddress": (_U64, (_PTR,)),
    "LLVMObjectFileCopySymbolIterator": (_PTR, (_PTR,)),
    "LLVMObjectFileIsSymbolIteratorAtEnd": (_INT, (_PTR, _PTR)),
    "LLVMDisposeSymbolIterator": (_VOID, (_PTR,)),
    "LLVMMoveToNextSymbol": (_VOID, (_PTR,)),
    "LLVMGetSymbolName": (_STR, (_PTR,)),
    "LLVMGetSymbolSize": (_U64, (_PTR,)),
}

_TARGET_NAMES = (
    "X86 AArch64 ARM RISCV WebAssembly AVR MSP430 Mips PowerPC Sparc SystemZ Hexagon LoongArch "
    "BPF Lanai XCore AMDGPU NVPTX VE M68k Xtensa"
).split()
_TARGET_PARTS = ("TargetInfo", "Target", "TargetMC", "AsmPrinter", "AsmParser")


@functools.cache
def library() -> ctypes.CDLL:
    """libLLVM with every function typed and every target of this build registered.

    Raises LLVMNotFoundError when no LLVM loads, or one of another major version.
    """
    loaded_version()
    lib = loaded()
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    for target in _TARGET_NAMES:
        for part in _TARGET_PARTS:
            initialize = getattr(lib, f"LLVMInitialize{target}{part}", None)
            if initialize is not None:
                initialize()
    return lib


@functools.cache
def preserve_use_lists() -> None:
    """From now on, for the life of the process, bitcode says in which order uses are listed.

    Some passes heed that order: modules with such bitcode in common go the same way from there.
    """
    arguments = (ctypes.c_char_p * 2)(b"ozone", b"-preserve-bc-uselistorder")
    library().LLVMParseCommandLineOptions(len(arguments), arguments, None)


def take_message(pointer: int | None) -> str:
    """The text of a message that LLVM allocated, which is then freed."""
    if not pointer:
        return ""
    text = ctypes.string_at(pointer).decode(errors="replace")
    library().LLVMDisposeMessage(pointer)
    return text
