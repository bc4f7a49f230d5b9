"""What the bench's own nodes serve: its application, which tells pages of calls that a death has interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.app import App
from cometary.chaos.application import UP, add_echo

if TYPE_CHECKING:
    from cometary.sessions.failure import Failure

FAILED: Final = "chaos/failed"
"""Where the numbers of packets go if their handler had begun when its node died: it is not called again."""

BEAT_EVERY: Final = 30.0
"""Seconds between two beats of one group: each of about three nodes has one, and they reach the sessions of all."""


def report(failure: Failure) -> None:
    """Tell a page that one of its packets was not handled, or may not have been."""
    packet, session = failure.packet, failure.session
    if packet is not None and packet.path == UP and session is not None:
        session.send(FAILED, packet.message[0])


app = App()
add_echo(app, BEAT_EVERY)
app.failure(report)
