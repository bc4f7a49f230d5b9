"""Programs with supervisors that type checkers refuse, in each line that ends with `# wrong`, and in no other."""

from __future__ import annotations

from typing import Any, assert_type

import trio

from cometary.actors import Actor, ActorRef, Task, ThreadingActor
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    InThread,
    SupervisorSpec,
    TaskSupervisor,
    async_,
    async_nolink,
    start_child,
    start_child_async,
    supervise,
)


class Bank(Actor):
    def __init__(self, accounts: int, *, name: str = "bank") -> None:
        super().__init__()
        self.accounts = accounts
        self.name = name


class Vault(Actor): ...


class Scribe(ThreadingActor):
    def __init__(self, book: str = "ledger") -> None:
        super().__init__()
        self.book = book


async def listen(port: int, host: str = "localhost") -> None: ...


async def serve(port: int, *, task_status: trio.TaskStatus[None]) -> None: ...


def write(line: str) -> None: ...


async def twice(number: int) -> int:
    return 2 * number


# -- right ---------------------------------------------------------------------------------

ChildSpec("bank", Bank, (3,), restart="transient", name="bank")
ChildSpec("bank", Bank, (3,), {"name": "ours"})
ChildSpec("bank", Bank, kwargs={"accounts": 3})
ChildSpec("vault", Vault)
ChildSpec("scribe", Scribe)
ChildSpec("scribe", Scribe, ("diary",))
ChildSpec("listener", listen, (80,))
ChildSpec("listener", listen, (80, "::"), shutdown="infinity")
ChildSpec("server", serve, (80,))
ChildSpec("writer", InThread(write), ("line",))
ChildSpec("below", SupervisorSpec([ChildSpec("vault", Vault)], strategy="one_for_all"))
ChildSpec("many", DynamicSupervisor, kwargs={"per": "child"})


async def right(supervisor: ActorRef[Any], many: DynamicSupervisor, owner: Bank) -> None:
    assert_type(await start_child(supervisor, Bank, 3), ActorRef[Bank])
    assert_type(await start_child_async("many", Bank, 3), ActorRef[Bank])
    assert_type(await start_child(supervisor, ChildSpec("bank", Bank, (3,))), ActorRef[Any])
    assert_type(many.start_child(Bank, 3), ActorRef[Bank])
    assert_type(await many.start_child_async(Vault), ActorRef[Vault])
    many.start_child(Scribe, "diary")
    tasks = TaskSupervisor.start(max_children=3)
    assert_type(async_nolink(tasks, twice, 2), Task[int])
    assert_type(async_("tasks", twice, 2, owner=owner), Task[int])
    assert_type(owner.start_task(twice, 2), Task[int])
    async with supervise([ChildSpec("vault", Vault)], intensity=3, strategy="rest_for_one", name="root"):
        pass


# -- wrong ---------------------------------------------------------------------------------

ChildSpec("bank", Bank)  # wrong
ChildSpec("bank", Bank, ("3",))  # wrong
ChildSpec("bank", Bank, (3, "ours"))  # wrong
ChildSpec("bank", Bank, (3,), restart="sometimes")  # wrong
ChildSpec("bank", Bank, (3,), shut_down=3)  # wrong
ChildSpec("scribe", Scribe, (3,))  # wrong
ChildSpec("listener", listen)  # wrong
ChildSpec("listener", listen, ("80",))  # wrong
ChildSpec("server", serve)  # wrong
ChildSpec("server", serve, ("80",))  # wrong
ChildSpec("writer", write, ("line",))  # wrong
ChildSpec("below", SupervisorSpec(), (3,))  # wrong
SupervisorSpec(strategy="all_for_one")  # wrong
SupervisorSpec([Vault])  # wrong
DynamicSupervisor.start(per="family")  # wrong


async def wrong(supervisor: ActorRef[Any], many: DynamicSupervisor, owner: Bank) -> None:
    await start_child(supervisor, Bank)  # wrong
    await start_child(supervisor, Bank, "3")  # wrong
    await start_child_async(supervisor, Bank, 3, 4)  # wrong
    await start_child(supervisor, listen, 80)  # wrong
    many.start_child(Bank, "3")  # wrong
    await many.start_child_async(Bank)  # wrong
    async_nolink(supervisor, twice, "2")  # wrong
    async_(supervisor, twice, owner=owner)  # wrong
    async_(supervisor, twice, 2)  # wrong
    owner.start_task(twice)  # wrong
    owner.start_task(write, "line")  # wrong
    supervise([ChildSpec("vault", Vault)], intensity="3")  # wrong
    supervise([ChildSpec("vault", Vault)], strategie="one_for_all")  # wrong
