"""The tree as data, read off the running supervisors."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import Actor, ActorRef, system
from cometary.supervision import (
    Backoff,
    ChildSpec,
    DynamicSupervisor,
    Supervisor,
    SupervisorSpec,
    TreeNode,
    start_child,
    terminate_child,
    tree,
)
from cometary.supervision.calls import TerminateChild
from tests.supervision.company import Diary, Sleeper, Worker, child, company, settled, tell, worker


def outline(node: TreeNode) -> list[Any]:
    """Return the ids of a tree as nested lists."""
    return [node.id, *(outline(below) for below in node.children)]


async def test_it_shows_what_runs_under_what() -> None:
    diary = Diary()
    team = SupervisorSpec([worker("x", diary, restart="transient"), ChildSpec("poll", trio.sleep_forever)])
    async with company(
        worker("a", diary), ChildSpec("team", team), ChildSpec("crowd", DynamicSupervisor)
    ) as root:
        crowd = await child(root, "crowd")
        one = await start_child(crowd, Worker, "one", diary)
        await start_child(crowd, worker("two", diary))
        node = tree(root)
        assert outline(node) == [
            "root",
            ["a"],
            ["team", ["x"], ["poll"]],
            ["crowd", [one.actor_urn], ["two"]],
        ]
        a, supervisor, dynamic = node.children
        assert (a.kind, a.actor, a.restart, a.state) == ("worker", "Worker", "permanent", "running")
        assert [below.kind for below in supervisor.children] == ["worker", "task"]
        assert [below.restart for below in supervisor.children] == ["transient", "permanent"]
        assert supervisor.children[1].actor == "sleep_forever"
        assert [supervisor.kind, supervisor.count, dynamic.kind, dynamic.count] == [
            "supervisor",
            2,
            "supervisor",
            2,
        ]
        assert outline(tree(await child(root, "team"))) == ["team", ["x"], ["poll"]]
        assert outline(tree(one)) == [one.actor_urn]


async def test_it_is_ready_for_json() -> None:
    diary = Diary()
    async with company(ChildSpec("team", SupervisorSpec([worker("x", diary)]))) as root:
        read = json.loads(json.dumps(tree(root).as_dict()))
        ref = await child(await child(root, "team"), "x")
        assert read["children"][0]["children"][0] == {
            "id": "x",
            "kind": "worker",
            "actor": "Worker",
            "restart": "permanent",
            "state": "running",
            "restarts": 0,
            "mailbox": 0,
            "count": 0,
            "children": [],
            "names": [],
            "urn": ref.actor_urn,
        }


async def test_it_shows_restarts_states_and_waiting_mail(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    names = [worker(name, diary) for name in "abc"]
    async with company(*names, worker("busy", diary, Sleeper), intensity=9, backoff=Backoff(1, 1)) as root:
        for _ in range(2):
            await tell(root, "a", "crash")
            await trio.sleep(2)
        await terminate_child(root, "b")
        (await child(root, "c")).tell("crash")
        busy = await child(root, "busy")
        for seconds in (4, 0, 0):
            busy.tell(seconds)
        await trio.sleep(0.5)
        nodes = tree(root).children
        assert [node.restarts for node in nodes] == [2, 0, 0, 0]
        assert [node.state for node in nodes] == ["running", "stopped", "restarting", "running"]
        assert [node.mailbox for node in nodes] == [0, 0, 0, 2]


async def test_it_can_be_had_while_a_supervisor_is_busy(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    async with company(worker("a", diary), worker("slow", diary, Sleeper), strategy="one_for_all") as root:
        (await child(root, "slow")).tell(3)
        await tell(root, "a", "crash")
        assert [node.state for node in tree(root).children] == ["restarting", "stopping"]


async def test_of_very_many_children_it_shows_the_first_and_counts_the_rest() -> None:
    diary = Diary()
    async with company(ChildSpec("crowd", DynamicSupervisor)) as root:
        crowd = await child(root, "crowd")
        for number in range(150):
            await start_child(crowd, worker(str(number), diary))
        (node,) = tree(root).children
        assert (node.count, len(node.children)) == (150, 100)
        (node,) = tree(root, shown=3).children
        assert outline(node) == ["crowd", ["0"], ["1"], ["2"]]


async def test_children_of_a_dynamic_supervisor_have_states_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(ChildSpec("crowd", DynamicSupervisor)) as root:
        crowd = await child(root, "crowd")
        supervisor = crowd.actor_inbox.actor
        assert isinstance(supervisor, DynamicSupervisor)
        busy = supervisor.start_child(Sleeper, "busy", diary)
        busy.tell(3)
        supervisor.start_child(Worker, "one", diary)
        (node,) = tree(root).children
        assert [below.state for below in node.children] == ["starting", "starting"]
        await settled()
        call = crowd.ask(TerminateChild(busy), block=False)
        await trio.sleep(1)
        (node,) = tree(root).children
        assert [below.state for below in node.children] == ["stopping", "running"]
        await call


async def test_an_actor_may_have_a_name_to_be_shown() -> None:
    class Named(Actor):
        display_name = "Fred"

        def on_receive(self, message: Any) -> None: ...

    async with company(ChildSpec("crowd", DynamicSupervisor)) as root:
        await start_child(await child(root, "crowd"), Named)
        assert outline(tree(root)) == ["root", ["crowd", ["Fred"]]]


async def test_an_actor_without_a_supervisor_is_a_tree_of_one() -> None:
    async with company() as root:
        await root.stop(block=False)
    assert tree(root).as_dict()["children"] == []
    assert (tree(root).id, tree(root).state) == ("Supervisor", "stopped")


@pytest.mark.parametrize("dynamic", [False, True])
async def test_a_supervisor_that_nobody_supervises_is_the_root_of_its_own_tree(*, dynamic: bool) -> None:
    diary = Diary()
    async with system():
        ref: ActorRef[Any]
        if dynamic:
            ref = DynamicSupervisor.start()
            await start_child(ref, worker("a", diary))
        else:
            ref = await Supervisor.start_async([worker("a", diary)])
        await settled()
        node = tree(ref)
        assert (node.id, node.actor, node.kind, node.restart) == (
            ref.label,
            ref.label,
            "supervisor",
            "temporary",
        )
        assert (node.state, node.restarts, node.mailbox, node.count) == ("running", 0, 0, 1)
        assert outline(node)[1:] == [["a"]]
        await ref.stop()


async def test_an_actor_that_nobody_supervises_is_a_worker_without_children() -> None:
    async with system():
        ref = Worker.start("a", Diary())
        node = tree(ref)
        assert (node.kind, node.state, node.count, node.children) == ("worker", "running", 0, ())
        await ref.stop()
