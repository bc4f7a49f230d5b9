"""What goes into a session's machine: as it is by itself, and what becomes of it where nobody takes it."""

from __future__ import annotations

import pytest
from trio.testing import wait_all_tasks_blocked

from cometary.actors import system
from cometary.app import App
from cometary.errors import ProtocolError
from cometary.sessions import Request
from cometary.sessions.events import Heard, Stream, session_ended
from cometary.sessions.supervisor import CRASHES
from tests.sessions.house import Visitor, hosting


@pytest.mark.parametrize(
    ("reason", "last_rid", "members"),
    [
        ("kicked", 7, {"reason": "kicked", "processed": 7}),
        ("kicked", None, {"reason": "kicked"}),
        ("failed", 7, {"reason": "failed"}),
    ],
)
def test_a_client_is_told_how_far_a_session_had_come_unless_it_has_failed(
    reason: str, last_rid: int | None, members: dict[str, object]
) -> None:
    error = session_ended(reason, 5, last_rid)
    assert (error.condition, error.retry_after, error.members) == ("session-ended", 5, members)


def test_what_is_not_said_is_nothing() -> None:
    stream = Stream()
    assert (stream.carried, stream.asked, stream.heard) == (0, False, False)
    assert (Request(2).size, Request(2).ack, Heard(stream).ack) == (0, 0, 0)


async def test_whoever_waits_in_the_mailbox_of_an_actor_that_is_given_up_is_told_of_the_end() -> None:
    class Noted(Stream):
        told = ""

        def refuse(self, error: ProtocolError) -> None:
            self.told = error.condition

    async with system(), hosting(App()) as manager:
        visitor, stream = Visitor(manager), Noted()
        await wait_all_tasks_blocked()
        request = visitor.prepare(1)
        visitor.keeper.tell(request)
        visitor.keeper.attach(stream, 0)
        for _ in range(CRASHES + 1):
            visitor.keeper.ref.actor_inbox.fail(ValueError("a crash"), None)
        await wait_all_tasks_blocked()
        assert (request.refused, stream.told) == ("session-ended", "session-ended")
