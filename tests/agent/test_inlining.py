"""Which functions may be inlined, and which can be tried side by side."""

from __future__ import annotations

from agent.inlining import candidates, independent, inlinable
from envs.evaluation import FunctionInfo, ModuleInfo


def function(
    name: str, *users: str, local: bool = True, free: bool = True, size: int = 10
) -> FunctionInfo:
    return FunctionInfo(name, size, local, free, True, users)


MODULE = ModuleInfo(
    "x86_64-pc-linux-gnu",
    (
        function("main", local=False),
        function("other", local=False),
        function("leaf", "middle", "middle", "other", size=5),
        function("middle", "main"),
        function("alone", "other", size=100),
        function("kept", "main", free=False),
        function("recursive", "recursive", "main"),
        function("pointed_to", "", "main"),
        function("dead"),
    ),
)


def test_only_local_functions_whose_author_allows_it_can_be_inlined() -> None:
    names = {f.name for f in inlinable(MODULE)}
    assert names == {"leaf", "middle", "alone", "recursive", "pointed_to", "dead"}


def test_candidates_vanish_when_inlined_and_the_heaviest_come_first() -> None:
    assert candidates(MODULE) == ["alone", "leaf", "middle"]


def test_what_is_tried_together_has_no_function_in_common() -> None:
    batch = independent(MODULE, ("middle",), ["alone", "leaf", "middle"])
    assert batch == {
        "alone": frozenset({"alone", "other"}),
        "middle": frozenset({"middle", "main"}),
    }


def test_code_inlined_twice_over_is_looked_for_where_it_ends_up() -> None:
    assert independent(MODULE, ("middle",), ["leaf"]) == {
        "leaf": frozenset({"leaf", "main", "other"})
    }
    assert independent(MODULE, (), ["leaf"]) == {"leaf": frozenset({"leaf", "middle", "other"})}
