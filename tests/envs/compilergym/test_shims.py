"""compiler_gym is importable, whatever protobuf and NumPy there are; twice changes nothing."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

pytest.importorskip("envs.compilergym")

import compiler_gym
import gym
from compiler_gym.service.proto import Event, Int64Tensor

from envs.compilergym import shims
from ir_tools.process import run_tool

ROOT = Path(__file__).parents[3]


def test_the_environment_is_in_compilergyms_list_and_in_gyms_once() -> None:
    shims.register()
    assert compiler_gym.COMPILER_GYM_ENVS.count(shims.ID) == 1
    assert gym.spec(shims.ID).id == shims.ID


def test_what_is_imported_already_stays() -> None:
    before = sys.modules[shims._MESSAGES]
    shims.apply()
    assert sys.modules[shims._MESSAGES] is before


def test_messages_survive_the_wire() -> None:
    message = Event(int64_tensor=Int64Tensor(shape=[2], value=[1, -(1 << 62)]))
    again = Event.FromString(message.SerializeToString())
    assert list(again.int64_tensor.value) == [1, -(1 << 62)]
    assert again.WhichOneof("value") == "int64_tensor"


def test_without_compilergym_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps compiler_gym"):
        shims.apply()


FORKING = """
import os, threading
import envs.compilergym, compiler_gym

env = compiler_gym.make("ozone-llvm-v0", benchmark="benchmark://examples-v0/sha256#hex_decode")
env.reset()
done = threading.Event()

def steps():
    while not done.is_set():
        env.step(0)

stepping = threading.Thread(target=steps)
stepping.start()
for _ in range(40):
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
done.set()
stepping.join()
env.close()
"""


def test_a_fork_while_the_service_is_asked_prints_nothing() -> None:
    result = run_tool([sys.executable, "-c", FORKING], timeout_s=60, cwd=ROOT)
    assert (result.returncode, b"fork" in result.stderr) == (0, False), result.stderr.decode()
