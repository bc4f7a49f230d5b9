"""What a client of Socket.IO gives as `auth`: who it is, and whether it was here before."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from cometary.gate.opening import NO_TOKEN

MOST_DIGITS: Final = 15
"""Of an offset."""


class Returning(NamedTuple):
    """What a client says that was here before.

    Attributes:
        sid: the id of its session.
        name: the session's public name.
        ack: the number of the last event that it has received.
        pid: how it was told the first two.
    """

    sid: str
    name: str
    ack: int
    pid: str


def given_in(auth: dict[str, Any]) -> dict[str, Any]:
    """Return what a client gives of itself: all but what it says of having been here before, which is the wire's."""
    return {name: value for name, value in auth.items() if name not in {"pid", "offset"}}


def token_of(given: dict[str, Any]) -> Any:
    """Return what the gate is shown: all that is given; if that has a `token` and nothing beside it, then that.

    It is a copy: what is given is kept as part of the handshake, whatever an authenticator does with its token.
    """
    if not given:
        return NO_TOKEN
    return msgspec.to_builtins(given["token"] if given.keys() == {"token"} else given)


def returning_of(auth: dict[str, Any]) -> Returning | None:
    """Return what a client says that was here before; None if it was not."""
    pid, offset = auth.get("pid"), auth.get("offset", "0")
    if not isinstance(pid, str) or not isinstance(offset, str):
        return None
    sid, dot, name = pid.partition(".")
    if not dot or not (offset.isascii() and offset.isdigit() and len(offset) <= MOST_DIGITS):
        return None
    return Returning(sid, name, int(offset), pid)
