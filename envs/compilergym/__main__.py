"""CompilerGym's own command-line tools on `ozone-llvm-v0`: `python -m envs.compilergym TOOL …`.

The same as `python -m compiler_gym.bin.TOOL …` where protobuf is older than 4. Where it is newer,
compiler_gym's messages must be put right before its package is imported, as here.
"""

from __future__ import annotations

import runpy
import sys

_TOOLS = ("manual_env", "random_replay", "random_search", "service", "validate")


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in _TOOLS:
        sys.exit(f"usage: python -m envs.compilergym {{{','.join(_TOOLS)}}} --env=ozone-llvm-v0 …")
    del sys.argv[0]
    runpy.run_module(f"compiler_gym.bin.{sys.argv[0]}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
