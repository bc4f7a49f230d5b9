"""Which wire a page of the bench speaks: ours, or that of others."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, Final

from cometary.chaos.bosh_guest import BoshGuest
from cometary.chaos.csp_guest import CspGuest
from cometary.chaos.nodes.resuming_page import ResumingPage
from cometary.chaos.page import Page
from cometary.chaos.socketio_guest import SocketIoGuest
from cometary.chaos.stomp_guest import StompGuest

if TYPE_CHECKING:
    from cometary.chaos.guest import Guest
    from cometary.chaos.habits import Habits
    from cometary.chaos.plan import Plan
    from cometary.chaos.shared import Shared, Target

GUESTS: Final[Mapping[str, type[Guest]]] = {
    "socketio": SocketIoGuest,
    "csp": CspGuest,
    "bosh": BoshGuest,
    "stomp": StompGuest,
}
"""By the value of `Habits.speaks`."""

SERVING: Final[Mapping[str, str]] = {
    "socketio": "--socketio /socket.io/ --socketio-recovery on",
    "csp": "--csp /csp",
    "bosh": "--bosh /http-bind --xmpp-hosts localhost --xmpp 127.0.0.1:{beside}",
    "stomp": "--stomp 127.0.0.1:{beside}",
}
"""What the bench's own server is told, to speak these; with the port of what is beside it."""


def page_or_guest(plan: Plan, target: Target, habits: Habits, chance: Random, shared: Shared) -> Page | Guest:
    """Return a new one; for the arguments see `Page`."""
    kind = ResumingPage if habits.resumes else GUESTS.get(habits.speaks, Page)
    return kind(plan, target, habits, chance, shared)
