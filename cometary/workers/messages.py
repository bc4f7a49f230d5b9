"""What the workers and the process above them tell each other: each message is one of these values."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cometary.packets.published import Published


class Begins(msgspec.Struct, array_like=True, frozen=True, tag="begins"):
    """A worker is about to listen: once the process above knows that, it may have sessions. It is told so, too."""


class Begun(msgspec.Struct, array_like=True, frozen=True, tag="begun"):
    """What all workers are told whenever one has begun, or has ended.

    Attributes:
        workers: the numbers of those that may have sessions.
    """

    workers: tuple[int, ...]


class Ready(msgspec.Struct, array_like=True, frozen=True, tag="ready"):
    """A worker takes clients."""


class Handed(msgspec.Struct, array_like=True, frozen=True, tag="handed"):
    """A connection whose next request is for a session of another worker; its descriptor goes with it.

    Attributes:
        worker: whose session it is.
        peer: the address of the connection's other end.
        read: what was read of it, from the beginning of that request on.
        said: how many bytes of the answer were sent already.
        fresh: whether nothing was said at all, not even TLS.
        control: whether it is a connection to the control interface.
    """

    worker: int
    peer: str
    read: bytes
    said: int
    fresh: bool = False
    control: bool = False


class Numbering(msgspec.Struct, array_like=True, frozen=True, tag="numbering"):
    """A packet to a path with a history, which is to get its number.

    Attributes:
        token: by which its worker knows it again.
        path: its path.
        size: bytes of it as JSON.
        published: what is told of it, a `Published`, encoded.
    """

    token: int
    path: str
    size: int
    published: bytes


class Numbered(msgspec.Struct, array_like=True, frozen=True, tag="numbered"):
    """Such a packet, with its number.

    Attributes:
        number: its number.
        worker: which one has sent it.
        token: what that one calls it.
        published: see `Numbering`.
    """

    number: int
    worker: int
    token: int
    published: bytes


class Came(msgspec.Struct, array_like=True, frozen=True, tag="came"):
    """Sessions of a worker that are on a path now, or show something else of themselves.

    Attributes:
        worker: whose they are.
        path: the path.
        members: their names, and what they show, as JSON; None for nothing.
    """

    worker: int
    path: str
    members: list[tuple[str, bytes | None]]


class Went(msgspec.Struct, array_like=True, frozen=True, tag="went"):
    """A session of a worker that is no longer on a path.

    Attributes:
        worker: whose it is.
        path: the path.
        name: its name.
    """

    worker: int
    path: str
    name: str


class Lifetime(msgspec.Struct, array_like=True, frozen=True, tag="lifetime"):
    """What a worker that begins is told: whose numbers they are. Copies of what is kept follow.

    Attributes:
        epoch: the life that numbers belong to.
        latest: the latest number.
        forgotten: the greatest number of any path of which nothing is known any more.
    """

    epoch: str
    latest: int
    forgotten: int


class Copy(msgspec.Struct, array_like=True, frozen=True, tag="copy"):
    """What is kept of one path.

    Attributes:
        path: the path.
        lost: the number of the last packet that is no longer kept.
        number: that of the latest one.
        packets: how many seconds ago each was kept, its number, and what is told of it, as in `Numbering`.
    """

    path: str
    lost: int
    number: int
    packets: list[tuple[float, int, bytes]]


class Received(msgspec.Struct, array_like=True, frozen=True, tag="received"):
    """A receipt that a worker has made; see `cometary.packets.receipts.Receipt`.

    Attributes:
        receipt: its members, in their order.
    """

    receipt: tuple[Any, ...]


class Asked(msgspec.Struct, array_like=True, frozen=True, tag="asked"):
    """A call of the control interface.

    Attributes:
        number: of the call.
        method: of the request; likewise the next ones.
        path: without its query.
        query: what follows it.
        headers: by their names, in lower case.
        body: the whole body.
        peer: the address that it came from.
    """

    number: int
    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    body: bytes
    peer: str


class Answered(msgspec.Struct, array_like=True, frozen=True, tag="answered"):
    """The answer to such a call.

    Attributes:
        number: of the call.
        status: the HTTP status.
        body: the whole body.
        content_type: its media type.
        headers: more headers.
    """

    number: int
    status: int
    body: bytes
    content_type: bytes
    headers: tuple[tuple[bytes, bytes], ...]


Message = (
    Begins
    | Begun
    | Ready
    | Handed
    | Published
    | Numbering
    | Numbered
    | Came
    | Went
    | Lifetime
    | Copy
    | Received
    | Asked
    | Answered
)

encode: Final = msgspec.msgpack.Encoder().encode
decode: Final = msgspec.msgpack.Decoder[Message](Message).decode
