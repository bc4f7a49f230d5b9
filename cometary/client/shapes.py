"""What a client is told, beside packets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec


class Member(msgspec.Struct):
    """One of those who are on a path.

    Attributes:
        name: the public name of its session.
        shown: what its application has chosen to show.
    """

    name: str
    shown: Any = None


class Present(msgspec.Struct):
    """Who is on a path.

    Attributes:
        count: how many.
        members: the first of them.
    """

    count: int
    members: list[Member]


class Reopened(NamedTuple):
    """Another session has taken the place of one that was lost.

    Attributes:
        reason: why that ended.
        missing: the paths that could not be connected again.
        uncertain: paths and messages of packets of which nobody knows whether they have arrived.
    """

    reason: str
    missing: Sequence[str]
    uncertain: Sequence[tuple[str, Any]]


class Refused(NamedTuple):
    """The server has refused packets, or another token.

    Attributes:
        condition: why, for programs.
        detail: the same for people.
        packets: paths and messages; none of them has reached the application.
    """

    condition: str
    detail: str
    packets: Sequence[tuple[str, Any]]
