"""CompilerGym 0.2.5 on LLVM 22: importing this package makes `ozone-llvm-v0` known to it.

    import envs.compilergym
    env = compiler_gym.make("ozone-llvm-v0", benchmark="file:///home/me/x.c",
                            observation_space="Autophase", reward_space="IrInstructionCountOz")

An action runs one more production pass, in a service process over CompilerGym's RPC; LLVM runs in
a worker of that service, so its crashes end the episode and nothing else. Actions that change
nothing are never masked: `info["action_had_no_effect"]` says so.
"""

from __future__ import annotations

from envs.compilergym import shims

shims.apply()
shims.register()
