"""What a request of the comet protocol looks like, before anything is made of it.

In a module of its own: these classes are made by a metaclass of msgspec's, and are fast as they are. Their members
are in the order in which clients write them, since a body that is written so is the cheapest to read (`bodies`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cometary.packets.tracked import LONGEST_RECEIPT

HIGHEST_RID: Final = 2**53 - 1

LONGEST: Final = 256
"""Characters of a position (`at`)."""


class PacketBody(msgspec.Struct):
    """A packet as the client writes it."""

    path: str
    message: Any = UNSET
    receipt: Annotated[str, Meta(min_length=1, max_length=LONGEST_RECEIPT)] | UnsetType = UNSET
    ask: Annotated[str, Meta(min_length=1, max_length=LONGEST_RECEIPT)] | UnsetType = UNSET


class Body(msgspec.Struct, kw_only=True):
    """A request as the client writes it; members it does not know are ignored."""

    sid: str | UnsetType = UNSET
    rid: Annotated[int, Meta(ge=1, le=HIGHEST_RID)]
    ack: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    packets: list[PacketBody] | UnsetType = UNSET
    hold: bool | UnsetType = UNSET
    token: Any = UNSET
    close: bool | UnsetType = UNSET
    wait: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    version: Literal[1] | UnsetType = UNSET
    resume: bool | UnsetType = UNSET
    gen: Annotated[int, Meta(ge=1, le=HIGHEST_RID)] | UnsetType = UNSET
    at: Annotated[str, Meta(max_length=LONGEST)] | UnsetType = UNSET
    done: Annotated[int, Meta(ge=0, le=HIGHEST_RID)] | UnsetType = UNSET


class AttachBody(msgspec.Struct):
    """What attaches a stream, as the client writes it: a request of which nothing is processed has no id."""

    sid: str
    ack: Annotated[int, Meta(ge=0)] = 0
    token: Any = UNSET
    gen: Annotated[int, Meta(ge=1, le=HIGHEST_RID)] | UnsetType = UNSET
    at: Annotated[str, Meta(max_length=LONGEST)] | UnsetType = UNSET
