"""Rules of the server, broken one at a time: a simulation that does not notice proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

from cometary.sessions import Packet
from cometary.sessions.actor import SessionActor
from cometary.sessions.keeper import SessionKeeper
from cometary.sessions.outbox import Outbox
from cometary.sessions.posting import Posting
from tests.simulation.chatter import TASKS, THREADS


@contextmanager
def outbox_lets_go_of_what_it_sends() -> Generator[None]:
    """Not only what was acknowledged (rule 2 of the outbox): an answer that is lost loses packets."""
    batch = Outbox.batch

    def broken(self: Outbox, max_bytes: int, after: int = 0) -> tuple[int, Sequence[Packet]]:
        result = batch(self, max_bytes, after)
        self.acknowledge(self.sent)
        return result

    with patch.object(Outbox, "batch", broken):
        yield


@contextmanager
def calls_are_made_again_after_a_crash() -> Generator[None]:
    """A call is not out of the queue before it is made (rule 5 of the session's actor): packets come twice."""
    report = SessionKeeper.report

    def broken(self: SessionKeeper, failure: Any) -> None:
        if failure.packet is not None:
            self.queue(failure.packet)
        report(self, failure)

    with patch.object(SessionKeeper, "report", broken):
        yield


@contextmanager
def calls_come_before_mail_after_a_crash() -> Generator[None]:
    """And not behind it (rule 7 of the session's actor): one handler's packets overtake those of the one before."""
    on_start = SessionActor.on_start

    def broken(self: SessionActor) -> None:
        on_start(self)
        if self._handover.runs and self._keeper.unhandled:
            self._handover.runs = False
            self._handover.serve(self)

    with patch.object(SessionActor, "on_start", broken):
        yield


@contextmanager
def late_packets_overtake_mail() -> Generator[None]:
    """What is sent to a session that has ended does not wait for its mail (rule 2 of `posting`)."""
    post = Posting.post

    def broken(self: Posting, keeper: SessionKeeper, message: object) -> None:
        if keeper.ended is not None and not keeper.settled and isinstance(message, Packet):
            keeper.machine.outbox.keep(message)
        else:
            post(self, keeper, message)

    with patch.object(Posting, "post", broken):
        yield


@contextmanager
def threads_are_not_waited_for() -> Generator[None]:
    """What threads have sent when a session signs off is not taken before (rule 5 of `posting`)."""

    def take_nothing(_: Posting) -> None: ...

    with patch.object(Posting, "take_all", take_nothing):
        yield


AT_THE_END: Final[dict[str, Callable[[], Any]]] = {
    TASKS: late_packets_overtake_mail,
    THREADS: threads_are_not_waited_for,
}
"""What is broken only while sessions end, by whose packets show it."""

MUTATIONS: Final[dict[str, Callable[[], Any]]] = {
    "lost": outbox_lets_go_of_what_it_sends,
    "doubled": calls_are_made_again_after_a_crash,
    "reordered": calls_come_before_mail_after_a_crash,
}
"""By what happens to packets then."""
