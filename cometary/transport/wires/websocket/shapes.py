"""What a frame of the comet protocol looks like, before anything is made of it.

In a module of its own: these classes are made by a metaclass of msgspec's, and are fast as they are.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cometary.transport.wires.comet.shapes import HIGHEST_RID, LONGEST, PacketBody


class RidBody(msgspec.Struct):
    """A frame of which only the request id counts; nothing is made of all else that is in it."""

    rid: Annotated[int, Meta(ge=1, le=HIGHEST_RID)]


class FrameBody(msgspec.Struct):
    """A frame as the client writes it; members that it does not know are ignored."""

    rid: Annotated[int, Meta(ge=1, le=HIGHEST_RID)] | UnsetType = UNSET
    ack: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    packets: list[PacketBody] | UnsetType = UNSET
    token: Any = UNSET
    close: bool | UnsetType = UNSET
    sid: str | UnsetType = UNSET
    wait: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    version: Literal[1] | UnsetType = UNSET
    probe: Any = UNSET
    resume: bool | UnsetType = UNSET
    gen: Annotated[int, Meta(ge=1, le=HIGHEST_RID)] | UnsetType = UNSET
    at: Annotated[str, Meta(max_length=LONGEST)] | UnsetType = UNSET
    done: Annotated[int, Meta(ge=0, le=HIGHEST_RID)] | UnsetType = UNSET
