"""What a page may ask to see, as it comes from the browser. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from cometary.errors import ProtocolError

LIST: Final = "look/list"
DETAIL: Final = "look/detail"
PATHS: Final = frozenset({LIST, DETAIL})
"""Where a page says what it looks at: one list, and one thing beside it."""

MOST_LINES: Final = 200
FURTHEST: Final = 1_000_000_000
"""Lines of a list that are passed over; no list is as long."""

MOST_NAMED: Final = 1_000
"""Supervisors whose children a page says it wants to see, or not."""

Text = Annotated[str, msgspec.Meta(max_length=200)]
Urns = Annotated[list[Text], msgspec.Meta(max_length=MOST_NAMED)]


class Lines(msgspec.Struct, tag_field="at"):
    """The lines of a list that are in view: at most `most` of them, from the one with the number `first` on.

    They are those of the node that is named; of all nodes if none is, or, where that makes no list, of this one.
    """

    first: Annotated[int, msgspec.Meta(ge=0, le=FURTHEST)] = 0
    most: Annotated[int, msgspec.Meta(ge=0, le=MOST_LINES)] = 50
    search: Text = ""
    node: Text = ""


class Tree(Lines, tag="tree"):
    """The supervision tree. Supervisors with a fixed set of children are open unless closed, dynamic ones if opened."""

    opened: Urns = []
    closed: Urns = []


class Sessions(Lines, tag="sessions"):
    """The living sessions."""

    sort: Literal["opened", "queued", "unhandled", "rate"] = "opened"


class Ended(Lines, tag="ended"):
    """The sessions that have ended, the latest first."""

    reason: Text = ""


class Crashes(Lines, tag="crashes"):
    """The crash reports, the latest first."""


class Busiest(Lines, tag="busiest"):
    """The actors that keep the loop busy."""


class Session(msgspec.Struct, tag_field="at", tag="session"):
    """One session, by its public name, whether it lives or has ended; here, or at the node that is named."""

    name: Text
    node: Text = ""


class OneActor(msgspec.Struct, tag_field="at", tag="actor"):
    """One actor, by its URN; likewise."""

    urn: Text
    node: Text = ""


class Crash(msgspec.Struct, tag_field="at", tag="crash"):
    """One crash report, by its time and the URN of the actor; likewise."""

    time: float
    urn: Text | None = None
    node: Text = ""


Merged = Sessions | Ended | Crashes
"""Lists that can be of all nodes."""

List = Tree | Sessions | Ended | Crashes | Busiest
Detail = Session | OneActor | Crash


def read_look(path: str, message: Any) -> List | Detail | None:
    """Return what a page wants to see; None for nothing.

    Raises:
        ProtocolError: `bad-request`; the page's fault.
    """
    if message is None:
        return None
    kind: Any = List if path == LIST else Detail
    try:
        look: List | Detail = msgspec.convert(message, kind)
    except msgspec.ValidationError as error:
        raise ProtocolError("bad-request", f"This cannot be looked at: {error}.") from None
    return look
