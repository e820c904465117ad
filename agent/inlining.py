"""Which local functions to inline everywhere: what can be tried, and what can be tried at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from envs.evaluation import FunctionInfo, ModuleInfo


def inlinable(info: ModuleInfo) -> list[FunctionInfo]:
    """The functions that nobody outside the module knows and whose author allows it."""
    return [f for f in info.functions if f.is_local and f.may_inline]


def candidates(info: ModuleInfo) -> list[str]:
    """Functions whose inlining can be reversed, those with the most at stake first.

    Only functions that are called and do nothing else with: inlined, they are gone.
    """
    called = [f for f in inlinable(info) if f.users and not {"", f.name} & {*f.users}]
    called.sort(key=lambda f: (-f.instructions * len(f.users), f.name))
    return [function.name for function in called]


def independent(
    info: ModuleInfo, inlined: Collection[str], names: Iterable[str]
) -> dict[str, frozenset[str]]:
    """A choice of `names` that can be reversed at once, with the functions that each concerns.

    No two concern the same function, so that each one's effect can be told from sizes alone.
    """
    users = {f.name: f.users for f in info.functions}
    taken: set[str] = set()
    chosen: dict[str, frozenset[str]] = {}
    for name in names:
        concerned = _hosts(name, users, set(inlined) - {name}) | {name}
        if not concerned & taken:
            taken |= concerned
            chosen[name] = frozenset(concerned)
    return chosen


def _hosts(name: str, users: dict[str, tuple[str, ...]], inlined: set[str]) -> set[str]:
    """The functions of the result that hold the code of `name` when it is inlined."""
    hosts: set[str] = set()
    seen: set[str] = set()
    pending = list(users[name])
    while pending:
        user = pending.pop()
        if user in seen:
            continue
        seen.add(user)
        if user in inlined:
            pending.extend(users[user])
        else:
            hosts.add(user)
    return hosts
