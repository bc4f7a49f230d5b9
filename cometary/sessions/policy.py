"""The policy of a session: times and manners, chosen by the wire that opens it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from cometary.sessions.settings import SessionSettings

BEAT: Final = 25.0
GRACE: Final = 20.0


@dataclass(frozen=True, slots=True)
class Policy:
    """What one wire's sessions are like.

    Attributes:
        wait: seconds that a request is held at most.
        die: seconds without a carrier after which the session ends.
        requests: the most requests that the client may have unanswered.
        beat: seconds without a sign of life after which a stream is asked for one; counted from one look to the next,
            so twice as many at most.
        grace: seconds that it has for it, before it is released.
        second_request: what a request does that comes while another carrier is there: it `releases` that one, and is
            held in its place; or it `completes` it, whose answer its client may not read any more: so it is answered
            with all that is not acknowledged, also with what has just gone out with the older one; or it `ends` the
            session (`closed`: the client does not keep to its wire's rules).
        drop_ends: whether the session ends (`closed`) when the connection of its carrier breaks.
        window: how many packets that were sent are kept until they are acknowledged, while those before them are
            presumed to have arrived (`cometary.sessions.presuming`); None: all are kept.
        resends: whether a new carrier begins behind what was acknowledged; if not, at what was never sent, and its
            client may acknowledge only as far as it has missed nothing.
        bundling: whether one answer, or one write to a stream, may have several packets.
        namespace: where its sessions belong, such as `/chat`, on a wire whose clients say so; None on all others.
    """

    wait: float = 60.0
    die: float = 45.0
    requests: int = 2
    beat: float = BEAT
    grace: float = GRACE
    second_request: Literal["releases", "completes", "ends"] = "releases"
    drop_ends: bool = False
    window: int | None = None
    resends: bool = True
    bundling: bool = True
    namespace: str | None = None


@functools.lru_cache(maxsize=16)
def policy_of(settings: SessionSettings) -> Policy:
    """Return the policy of the native protocol, with the server's own times."""
    # As floats, whatever was given: 60 and 60.0 are the same settings here, but not the same text for a client.
    return Policy(float(settings.wait), float(settings.die), settings.requests)
