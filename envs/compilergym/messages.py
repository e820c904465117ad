"""Spaces and observations as the messages of CompilerGym's RPC."""

from __future__ import annotations

import json
from typing import Any

import gymnasium
import numpy as np
from compiler_gym.service.proto import (
    ActionSpace,
    ByteSequenceSpace,
    ByteTensor,
    CommandlineSpace,
    DoubleRange,
    Event,
    Int64Box,
    Int64Range,
    Int64Tensor,
    ObservationSpace,
    Opaque,
    StringSpace,
)
from compiler_gym.service.proto import Space as SpaceMessage

from envs.compilergym.tables import ACTIONS, SPACES, Space
from envs.spaces import Instances

_GRAPH = "json://networkx/MultiDiGraph"  # what CompilerGym makes a networkx graph of
_ANY_LENGTH = Int64Range(min=0)


def action_spaces() -> list[ActionSpace]:
    """The one action space."""
    message = ActionSpace(name="ProductionPasses")
    message.space.any_value.Pack(CommandlineSpace(name=[action.name for action in ACTIONS]))
    return [message]


def observation_spaces() -> list[ObservationSpace]:
    """One for each row of the table, in its order."""
    return [_observation_space(space) for space in SPACES]


def _observation_space(space: Space) -> ObservationSpace:
    kind = space.observation.space()
    return ObservationSpace(
        name=space.name,
        space=_space(kind),
        deterministic=space.observation.deterministic,
        platform_dependent=space.observation.platform_dependent,
        default_observation=event(_default(kind)),
    )


def _space(kind: gymnasium.Space[Any]) -> SpaceMessage:
    if isinstance(kind, Instances):
        if kind.kind is bytes:
            return SpaceMessage(byte_sequence=ByteSequenceSpace(length_range=_ANY_LENGTH))
        return SpaceMessage(string_value=StringSpace(length_range=_ANY_LENGTH))
    assert isinstance(kind, gymnasium.spaces.Box)
    if kind.shape:
        return SpaceMessage(int64_box=Int64Box(low=_tensor(kind.low), high=_tensor(kind.high)))
    if kind.dtype.kind == "f":
        return SpaceMessage(double_value=DoubleRange(min=0))
    return SpaceMessage(int64_value=Int64Range(min=0))


def _default(kind: gymnasium.Space[Any]) -> Any:
    """What is observed where nothing can be."""
    if isinstance(kind, Instances):
        return kind.kind()
    assert isinstance(kind, gymnasium.spaces.Box)
    return np.zeros(kind.shape, kind.dtype)


def event(value: Any) -> Event:
    """An observation as a message."""
    if isinstance(value, str):
        # Names in IR may be any bytes; in a message, text is UTF-8.
        return Event(string_value=value.encode(errors="surrogateescape").decode(errors="replace"))
    if isinstance(value, bytes):
        return Event(byte_tensor=ByteTensor(shape=[len(value)], value=value))
    if not isinstance(value, np.ndarray):
        return _graph(value)
    if value.ndim:
        return Event(int64_tensor=_tensor(value))
    if value.dtype.kind == "f":
        return Event(double_value=float(value))
    return Event(int64_value=int(value))


def _tensor(array: Any) -> Int64Tensor:
    return Int64Tensor(shape=array.shape, value=array.ravel().tolist())


def _graph(graph: Any) -> Event:
    from networkx.readwrite.json_graph import node_link_data

    message = Event()
    data = json.dumps(node_link_data(graph)).encode()
    message.any_value.Pack(Opaque(format=_GRAPH, data=data))
    return message
