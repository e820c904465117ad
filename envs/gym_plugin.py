"""What gym 0.23 calls when it is imported, so that CompilerGym's own tools know `ozone-llvm-v0`."""

from __future__ import annotations

import importlib
import importlib.util


def load() -> None:
    """Import `envs.compilergym`, where there is a CompilerGym to care."""
    if importlib.util.find_spec("compiler_gym"):
        importlib.import_module("envs.compilergym")
