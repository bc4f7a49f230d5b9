"""Where what is sent to a session goes, at each stage of its life, and that threads are kept in one line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from pykka import ActorDeadError

from cometary.sessions import Packet
from cometary.sessions.events import End
from cometary.sessions.keeper import SessionKeeper
from cometary.sessions.posting import Posting


class Loop:
    """A system whose loop is this thread, and comes to what is to be done when the test says so."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.turns: list[Callable[[], None]] = []
        self.stopped = False

    def call_soon(self, turn: Callable[[], None]) -> None:
        if self.stopped:
            raise ActorDeadError
        self.turns.append(turn)


@dataclass
class FakeKeeper:
    """As much of a keeper as posting looks at."""

    system: Loop = field(default_factory=Loop)
    ended: str | None = None
    takes_mail: bool = True
    forward: Callable[[object], None] | None = None
    sign_off: object = None
    settled: bool = False
    room: bool = True
    got: list[tuple[str, object]] = field(default_factory=list[tuple[str, object]])

    def take(self, message: object) -> bool:
        if self.takes_mail:
            self.tell(message)
        return self.takes_mail

    def hand(self, message: object) -> bool:
        if self.takes_mail:
            self.got.append(("at once", message))
        return self.takes_mail

    def tell(self, message: object) -> None:
        self.got.append(("mail", message))

    def take_late(self, message: object) -> bool:
        if self.room:
            self.got.append(("late", message))
        return self.room


def posting_for(keeper: FakeKeeper) -> Posting:
    return Posting(
        lambda _, packet: keeper.got.append(("listed", packet)),
        lambda _, packet: keeper.got.append(("refused", packet)),
    )


def moved(keeper: FakeKeeper) -> FakeKeeper:
    keeper.forward = lambda message: keeper.got.append(("forwarded", message))
    return keeper


PACKET, OTHER = Packet("a", 1), End("kicked")


@pytest.mark.parametrize(
    ("keeper", "packet", "other"),
    [
        (FakeKeeper(), "mail", "mail"),
        (FakeKeeper(takes_mail=False), "listed", "mail"),
        (FakeKeeper(ended="timeout"), "late", "mail"),
        (FakeKeeper(ended="timeout", sign_off=object()), "listed", "mail"),
        (FakeKeeper(ended="timeout", settled=True), "refused", "mail"),
        (FakeKeeper(ended="timeout", room=False), "refused", "mail"),
        (moved(FakeKeeper()), "mail", "mail"),
        (moved(FakeKeeper(takes_mail=False)), "forwarded", "forwarded"),
        (moved(FakeKeeper(ended="moved", settled=True)), "forwarded", "forwarded"),
    ],
    ids=["lives", "no actor", "signs off", "listing", "listed", "full", "moves", "moved, no actor", "moved"],
)
def test_what_is_sent_goes_where_the_stage_of_the_session_says(
    keeper: FakeKeeper, packet: str, other: str
) -> None:
    posting = posting_for(keeper)
    for message in (PACKET, OTHER):
        posting.send(cast("SessionKeeper", keeper), message)
    assert keeper.got == [(packet, PACKET), (other, OTHER)]


@pytest.mark.parametrize(
    ("keeper", "where"),
    [
        (FakeKeeper(), "at once"),
        (FakeKeeper(takes_mail=False), "listed"),
        (FakeKeeper(ended="timeout"), "late"),
        (moved(FakeKeeper(ended="moved", settled=True)), "forwarded"),
    ],
    ids=["lives", "no actor", "signs off", "moved"],
)
def test_what_is_handed_to_a_session_is_handled_at_once_as_long_as_it_lives(
    keeper: FakeKeeper, where: str
) -> None:
    posting_for(keeper).hand(cast("SessionKeeper", keeper), PACKET)
    assert keeper.got == [(where, PACKET)]


def test_an_end_is_a_message_like_any_other() -> None:
    keeper = FakeKeeper()
    posting_for(keeper).end(cast("SessionKeeper", keeper), "kicked")
    ((where, message),) = keeper.got
    assert isinstance(message, End)
    assert (where, message.reason) == ("mail", "kicked")


def in_a_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_what_threads_send_is_taken_by_the_loop_in_the_order_in_which_it_was_sent() -> None:
    loop = Loop()
    one, two = FakeKeeper(loop), FakeKeeper(loop)
    two.got = one.got
    posting = posting_for(one)
    sent: list[tuple[Any, Packet]] = [
        (keeper, Packet("a", number)) for number in range(3) for keeper in (one, two)
    ]
    for keeper, packet in sent:
        in_a_thread(lambda keeper=keeper, packet=packet: posting.send(keeper, packet))  # type: ignore[misc]
    assert one.got == []
    for turn in loop.turns:
        turn()
    assert one.got == [("mail", packet) for _, packet in sent]


def test_who_signs_off_takes_the_whole_line_before_and_the_turns_that_were_asked_for_find_it_empty() -> None:
    keeper = FakeKeeper()
    posting = posting_for(keeper)

    def send_three() -> None:
        for number in range(3):
            posting.send(cast("SessionKeeper", keeper), Packet("a", number))

    in_a_thread(send_three)
    posting.take_all()
    assert [cast("Packet", packet).message for _, packet in keeper.got] == [0, 1, 2]
    for turn in keeper.system.turns:
        turn()
    assert len(keeper.got) == 3


def test_what_a_thread_sends_when_the_server_has_stopped_harms_nobody() -> None:
    keeper = FakeKeeper()
    keeper.system.stopped = True
    posting = posting_for(keeper)
    in_a_thread(lambda: posting.send(cast("SessionKeeper", keeper), PACKET))
    assert keeper.got == []
    posting.take_all()
    assert keeper.got == [("mail", PACKET)]
