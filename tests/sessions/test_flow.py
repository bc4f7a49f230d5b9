"""Who is behind, who is held for whom, and when it is too much for those who send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cometary.errors import MailboxFullError
from cometary.sessions import flow as flows
from cometary.sessions.flow import Flow, Reroute
from cometary.sessions.keeper import SessionKeeper
from cometary.sessions.rounds import GoOn


class Mailbox(list[object]):
    """The dispatcher's: what was put into it."""

    system: Any = None

    def put_if_open(self, message: object) -> None:
        self.append(message)


@dataclass(eq=False)
class Held:
    """As much of a keeper as is held."""

    holds: int = 0
    told: list[object] = field(default_factory=list[object])

    def tell(self, message: object) -> None:
        self.told.append(message)

    @property
    def keeper(self) -> SessionKeeper:
        return cast("SessionKeeper", self)


@dataclass(eq=False)
class Dispatcher:
    """Has a mailbox."""

    actor_inbox: Mailbox = field(default_factory=Mailbox)


def attach(flow: Flow) -> Mailbox:
    flow._mailbox = mailbox = Mailbox()
    return mailbox


class Attached:
    """Rounds that only take note by whose mailbox they go."""

    to: object = None

    def attach(self, dispatcher: object) -> None:
        self.to = dispatcher


ONE: Any = "the reference of one session"
TWO: Any = "the reference of another"


def test_who_is_held_for_several_sessions_goes_on_when_the_last_has_caught_up() -> None:
    flow, held = Flow(), Held()
    for ref in (ONE, TWO):
        flow.fall_behind(ref)
        for _ in range(2):  # for one session it is held once, however often
            flow.hold_for(held.keeper, ref)
    assert held.holds == 2
    flow.catch_up(ONE)
    assert (held.holds, held.told) == (1, [])
    flow.catch_up(TWO)
    assert (held.holds, held.told) == (0, [GoOn(0)])


def test_nobody_is_held_for_a_session_that_is_not_behind() -> None:
    flow, held = Flow(), Held()
    flow.hold_for(held.keeper, ONE)
    flow.fall_behind(ONE)
    flow.catch_up(ONE)
    flow.catch_up(ONE)
    flow.hold_for(held.keeper, ONE)
    assert (held.holds, held.told) == (0, [])


def test_who_falls_behind_again_before_it_has_caught_up_has_those_held_that_were() -> None:
    flow, held = Flow(), Held()
    flow.fall_behind(ONE)
    flow.hold_for(held.keeper, ONE)
    flow.fall_behind(ONE)
    flow.catch_up(ONE)
    assert (held.holds, held.told) == (0, [GoOn(0)])


def test_what_is_parked_is_looked_at_when_somebody_has_caught_up_once_at_a_time() -> None:
    flow = Flow()
    mailbox = attach(flow)
    flow.fall_behind(ONE)
    flow.catch_up(ONE)
    assert mailbox == []  # nothing is parked
    flow.parked = 1
    flow.catch_up(ONE)
    assert mailbox == []  # it was not behind
    for _ in range(2):
        flow.fall_behind(ONE)
        flow.catch_up(ONE)
    assert [type(message) for message in mailbox] == [Reroute]
    flow.rerouting = False  # the dispatcher has come to it
    flow.reroute()
    assert len(mailbox) == 2


def test_without_a_dispatcher_nothing_is_looked_at_and_only_what_is_parked_counts() -> None:
    flow = Flow()
    flow.reroute()
    assert (flow.rerouting, flow.pending, flow.crowded) == (False, 0, False)
    flow.parked = 3
    assert flow.pending == 3


def test_the_next_incarnation_of_the_dispatcher_begins_by_looking() -> None:
    flow, dispatcher = Flow(), Dispatcher()
    flow.rerouting = True  # in mail that may be gone
    flow.rounds = rounds = Attached()  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    flow.attach(cast("Any", dispatcher))
    assert rounds.to is dispatcher
    assert [type(message) for message in dispatcher.actor_inbox] == [Reroute]


def test_what_is_looked_at_in_the_next_batch_is_looked_at_once_whoever_the_dispatcher_is_then() -> None:
    flow, dispatcher, steps = Flow(), Dispatcher(), list[Callable[[], None]]()
    scheduler = SimpleNamespace(at_next_batch=steps.append)
    flow.rounds = Attached()  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    mailbox = dispatcher.actor_inbox
    mailbox.system = SimpleNamespace(scheduler=scheduler)
    flow.attach(cast("Any", dispatcher))
    for _ in range(2):
        flow.rerouting = False  # the dispatcher has come to it
        flow.reroute_later()
        flow.reroute_later()
    assert (len(steps), len(mailbox)) == (2, 1)
    for step in steps:
        step()
    assert len(mailbox) == 2
    flow.rerouting = False
    flow.reroute_later()
    flow.attach(cast("Any", dispatcher))  # another one, which begins by looking
    steps[-1]()
    assert len(mailbox) == 3


def test_updates_that_are_not_routed_yet_are_bounded_parked_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "MOST_PENDING", 5)
    flow = Flow()
    flow.parked = 4
    flow.check()
    flow.parked = 5
    with pytest.raises(MailboxFullError, match="5 updates have not been routed yet"):
        flow.check()
    flow.parked = 2
    mailbox = attach(flow)
    mailbox.extend("ab")
    flow.check()
    mailbox.append("c")
    assert flow.pending == 5
    with pytest.raises(MailboxFullError):
        flow.check()


def test_calls_of_back_ends_wait_while_many_are_parked_or_wait_for_the_dispatcher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flows, "MANY", 2)
    monkeypatch.setattr(flows, "MANY_PARKED", 4)
    flow = Flow()
    mailbox = attach(flow)
    for parked, waiting, crowded in ((3, 1, False), (4, 0, True), (0, 2, True), (0, 0, False)):
        flow.parked = parked
        mailbox[:] = range(waiting)
        assert flow.crowded is crowded
