"""Links, exit signals, names and groups of supervised children: what a restart does to them."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from cometary.actors import Actor, groups, register, system, whereis
from cometary.errors import ChildStartError
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    Supervisor,
    latest_reports,
    start_child,
    supervise,
    terminate_child,
)
from cometary.supervision.options import Strategy
from tests.supervision.company import Diary, Worker, child, company, settled, tell, worker


class Partner(Worker):
    """Has a name, is in a group, and links to its partner if that has a name already."""

    def on_start(self) -> None:
        super().on_start()
        register(self.name, self.actor_ref)
        groups().join("partners", self.actor_ref)
        other = whereis("a")
        if other is not None and self.name != "a":
            self.link(other)


class AsyncPartner(Partner):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


KINDS = pytest.mark.parametrize("kind", [Partner, AsyncPartner], ids=["def", "async def"])


def partners(diary: Diary, kind: type[Worker]) -> list[ChildSpec]:
    return [worker("a", diary, kind), worker("b", diary, kind)]


@KINDS
@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_linked_siblings_are_restarted_together_and_link_anew(
    kind: type[Partner], strategy: Strategy
) -> None:
    diary = Diary()
    async with company(*partners(diary, kind), strategy=strategy, intensity=2) as root:
        refs = [await child(root, "a"), await child(root, "b")]
        for _ in range(2):  # the second time goes along the link that the restart has made
            diary.clear()
            await tell(root, "a", "crash")
            assert diary.read() == ["start a", "start b"]  # b was not asked to stop: its link has ended it
        assert [await child(root, "a"), await child(root, "b")] == refs
        assert groups().members("partners") == refs
        assert [whereis("a"), whereis("b")] == refs


@KINDS
async def test_each_sibling_that_a_link_takes_along_counts_as_a_restart(kind: type[Partner]) -> None:
    diary = Diary()
    async with company(*partners(diary, kind), intensity=2) as root:
        await tell(root, "a", "crash")
        reports = latest_reports(root)
        assert [(report.child, report.reason) for report in reports] == [("a", "crashed"), ("b", "crashed")]
        assert [report.last_message for report in reports] == ["str: 'crash'", None]


@KINDS
@pytest.mark.parametrize("first", ["a", "b"])
async def test_linked_dynamic_children_come_back_linked(kind: type[Partner], first: str) -> None:
    diary = Diary()
    async with company(ChildSpec("below", DynamicSupervisor, kwargs={"intensity": 9})) as root:
        below = await child(root, "below")
        refs = {name: await start_child(below, kind, name, diary) for name in "ab"}
        for _ in range(2):
            refs[first].tell("crash")
            await settled()
            assert [whereis("a"), whereis("b")] == list(refs.values())
            assert [await ref.ask("x") for ref in refs.values()] == ["x", "x"]
            assert {"start a", "start b", "a got x", "b got x"} == set(diary.read())


@pytest.mark.parametrize(("reason", "restarted"), [("out of paper", True), ("shutdown", False)])
async def test_a_reason_of_the_programs_own_is_abnormal(reason: str, *, restarted: bool) -> None:
    diary = Diary()
    async with company(worker("a", diary, restart="transient")) as root:
        (await child(root, "a")).exit(reason)
        await settled()
        assert diary.read() == ["start a"] * (1 + restarted)
        assert [report.reason for report in latest_reports(root)] == [reason] * restarted


class Stubborn(Actor):
    """Ends for a reason of its own when it is asked to stop."""

    def on_receive(self, message: Any) -> Any:
        return message

    def on_stop(self) -> None:
        self.actor_ref.exit("out of paper")


@pytest.mark.parametrize("supervisor", [Supervisor, DynamicSupervisor])
async def test_a_child_that_ends_otherwise_than_told_is_reported(supervisor: type[Actor]) -> None:
    async with company(ChildSpec("below", supervisor)) as root:
        below = await child(root, "below")
        ref = await start_child(below, ChildSpec("a", Stubborn))
        await ref.ask("x")
        await terminate_child(below, "a" if supervisor is Supervisor else ref)
        assert [report.reason for report in latest_reports(root)] == ["out of paper"]


async def test_a_failed_start_is_told_with_its_own_error_however_long_its_tasks_take(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Slow(Worker):
        def on_start(self) -> None:
            self.start_task(self.linger)
            self.start_task(trio.sleep_forever)
            raise OSError("no paper")

        async def linger(self) -> None:
            with trio.CancelScope(shield=True):
                await trio.sleep(3)

    spec = worker("a", Diary(), Slow, start_timeout=1)
    async with system():
        with pytest.raises(ChildStartError, match="no paper"):
            async with supervise([spec]):
                pytest.fail("the block must not be entered")
