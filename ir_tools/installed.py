"""The libLLVM that is installed: its file, its version, what tells it from another.

All that a compilation whose result is in a cache asks of LLVM; what it can do is in `libllvm`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from typing import TYPE_CHECKING

from ir_tools.errors import LLVMNotFoundError

if TYPE_CHECKING:
    import ctypes

LLVM_MAJOR = 22
_LIBRARY_NAMES = ("libLLVM.so.22.1", "libLLVM-22.so.1", "libLLVM-22.so", "libLLVM.dylib")
_ENVIRONMENT_VARIABLE = "OZONE_LIBLLVM"


def identity() -> str:
    """Changes when another LLVM is installed; the library is not loaded for it where it is found.

    Loading costs more than all the rest of a compilation whose result is in the cache.
    """
    chosen = os.environ.get(_ENVIRONMENT_VARIABLE)
    found = (os.path.join(folder, name) for folder in _folders() for name in _LIBRARY_NAMES)
    for file in (chosen,) if chosen else found:
        with contextlib.suppress(OSError):
            status = os.stat(file)
            return f"{file} {status.st_size} {status.st_mtime_ns}"
    return loaded_version()


def _folders() -> list[str]:
    """Where the dynamic linker would look first, as far as that is cheap to know."""
    named = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    multiarch = getattr(sys.implementation, "_multiarch", "")
    return [*filter(None, named), f"/usr/lib/{multiarch}", "/usr/lib64", "/usr/lib"]


@functools.cache
def loaded_version() -> str:
    """The version of the loaded LLVM, for example `22.1.8`.

    Raises LLVMNotFoundError when no LLVM loads, or one of another major version.
    """
    import ctypes

    numbers = [ctypes.c_uint() for _ in range(3)]
    loaded().LLVMGetVersion(*map(ctypes.byref, numbers))
    text = ".".join(str(number.value) for number in numbers)
    if numbers[0].value != LLVM_MAJOR:
        raise LLVMNotFoundError(f"LLVM {LLVM_MAJOR} is needed, the library found is LLVM {text}")
    return text


@functools.cache
def loaded() -> ctypes.CDLL:
    """The library, without types but for the function that says its version.

    Raises LLVMNotFoundError when none loads.
    """
    import ctypes

    lib = _open()
    number = ctypes.POINTER(ctypes.c_uint)
    lib.LLVMGetVersion.argtypes = (number, number, number)
    lib.LLVMGetVersion.restype = None
    return lib


def _open() -> ctypes.CDLL:
    import ctypes

    chosen = os.environ.get(_ENVIRONMENT_VARIABLE)
    for name in (chosen,) if chosen else _LIBRARY_NAMES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    where = f"{_ENVIRONMENT_VARIABLE}={chosen}" if chosen else "the library path"
    raise LLVMNotFoundError(
        f"libLLVM {LLVM_MAJOR} not found in {where}: run 'apt-get install libllvm22' "
        f"or set {_ENVIRONMENT_VARIABLE} to its file"
    )
