"""What compiler_gym 0.2.5 takes for granted and today's Python packages no longer give.

NumPy 2 has dropped two names that it reads at import. protobuf 4 and later refuse the code that it
has for its messages, unless it is left to a slow implementation by an environment variable, for
every user of the process: here the messages are made of the description in that same file. gRPC
puts handlers around every fork of the process, which print where they cannot run; no child of ours
uses gRPC. What has been imported already stays as it is.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import sys
import warnings
from pathlib import Path
from types import ModuleType

ID = "ozone-llvm-v0"
_MESSAGES = "compiler_gym.service.proto.compiler_gym_service_pb2"
_MISSING = (
    "CompilerGym is not installed: pip install 'ozone[compilergym]', "
    "then pip install --no-deps compiler_gym==0.2.5 gym==0.23.1"
)


def apply() -> None:
    """Make `import compiler_gym` work. Raises ModuleNotFoundError where it is not installed."""
    import numpy

    found = importlib.util.find_spec("compiler_gym")
    if found is None or found.origin is None:
        raise ModuleNotFoundError(_MISSING, name="compiler_gym")
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    for name, value in (("NINF", -numpy.inf), ("PINF", numpy.inf)):
        if not hasattr(numpy, name):
            setattr(numpy, name, value)
    if _MESSAGES not in sys.modules:
        sys.modules[_MESSAGES] = _messages(Path(found.origin).parent)


def _messages(package: Path) -> ModuleType:
    """The module of compiler_gym's messages, from the description in its generated code."""
    from google.protobuf import any_pb2, descriptor_pool
    from google.protobuf.internal import builder

    generated = package / "service" / "proto" / "compiler_gym_service_pb2.py"
    described = re.search(r"serialized_pb=(b'.*'),?$", generated.read_text(), re.MULTILINE)
    assert described, f"{generated} is not what compiler_gym 0.2.5 has"
    assert any_pb2.DESCRIPTOR  # the description refers to it
    module = ModuleType(_MESSAGES)
    file = descriptor_pool.Default().AddSerializedFile(ast.literal_eval(described[1]))
    builder.BuildMessageAndEnumDescriptors(file, module.__dict__)
    builder.BuildTopDescriptorsAndMessages(file, _MESSAGES, module.__dict__)
    return module


def register() -> None:
    """Make `ozone-llvm-v0` known to gym and in CompilerGym's list, once."""
    with warnings.catch_warnings():
        importlib.import_module("gym")  # which turns deprecation warnings on for everybody
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # compiler_gym is written for pydantic 1
        importlib.import_module("compiler_gym")
    registration = importlib.import_module("compiler_gym.util.registration")
    if ID not in registration.COMPILER_GYM_ENVS:
        registration.register(
            id=ID,
            entry_point="envs.compilergym.environment:OzoneLlvmEnv",
            kwargs={"reward_space": "IrInstructionCountOz"},  # its tools search for a reward
        )
