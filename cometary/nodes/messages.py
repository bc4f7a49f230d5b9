"""What nodes tell each other on their links: each message is one of these values.

A link is dialed by one node and accepted by another. The dialer asks (`Forwarded`, `Tunnelled`, `Asked`, `Told`,
`Missed`, `Ping`, `Leaving`) and tells who of its sessions is where (`State`); the other one answers on the same link.
Numbers are the dialer's.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cometary.packets.published import Published

# -- what the dialer says


class Forwarded(msgspec.Struct, array_like=True, frozen=True, tag="f"):
    """A request for a session of the other node.

    Attributes:
        number: of the request.
        control: whether it is a call of the control interface.
        method: of the request; likewise the next ones.
        path: without its query.
        query: what follows it.
        headers: by their names, in lower case.
        body: the whole body.
        peer: the address of the client, as the dialer knows it.
    """

    number: int
    control: bool
    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    body: bytes
    peer: str


class Dropped(msgspec.Struct, array_like=True, frozen=True, tag="d"):
    """The client of a request has gone, or says no more."""

    number: int


class Granted(msgspec.Struct, array_like=True, frozen=True, tag="g"):
    """So many bytes of a streamed answer have gone on to its client."""

    number: int
    count: int


class Asked(msgspec.Struct, array_like=True, frozen=True, tag="r"):
    """An operator wants to see something of the other node.

    Attributes:
        number: of the question.
        question: what, as `cometary.doors.questions` writes it.
    """

    number: int
    question: bytes


class Told(msgspec.Struct, array_like=True, frozen=True, tag="t", omit_defaults=True):
    """A packet for everybody who hears its path, with its number among the dialer's.

    Attributes:
        number: which one it is of the dialer's.
        published: the packet.
        epoch: of its place in the log of its path; empty if that has none.
        offset: the place.
        before: that of the one before it on its path.
        key: the name of a claim and the idempotency key under which it was published (`cometary.nodes.once`); empty
            if that does not matter.
    """

    number: int
    published: Published
    epoch: str = ""
    offset: int = 0
    before: int = 0
    key: str = ""


class Missed(msgspec.Struct, array_like=True, frozen=True, tag="m"):
    """Packets of the dialer's for the other one have been thrown away: it had been taken to be gone."""


class Ping(msgspec.Struct, array_like=True, frozen=True, tag="i"):
    """Are you there?"""


class Leaving(msgspec.Struct, array_like=True, frozen=True, tag="v", omit_defaults=True):
    """I am about to stop: those of my sessions that are no longer mine, and can be adopted, may be.

    Attributes:
        last: whether what I have forwarded is to be held no longer, since my clients are about to lose me. A node that
            does not know this member holds it.
    """

    last: bool = False


class Came(msgspec.Struct, array_like=True, frozen=True, tag="p"):
    """Sessions of the dialer's are on a path now, or show something else.

    Attributes:
        path: the path.
        members: of each its name, what it shows, as JSON (None for nothing), and its generation.
    """

    path: str
    members: tuple[tuple[str, bytes | None, int], ...]


class Went(msgspec.Struct, array_like=True, frozen=True, tag="q"):
    """One is no longer there."""

    path: str
    name: str


class Census(msgspec.Struct, array_like=True, frozen=True, tag="u"):
    """From here on all of the dialer's are told; or they have been (`done`)."""

    done: bool = False


class Wants(msgspec.Struct, array_like=True, frozen=True, tag="w", omit_defaults=True):
    """Somebody at the dialer's hears these patterns from now on.

    Attributes:
        token: with which that is answered (`Passed`).
        patterns: each with the number of the other one's last publication of which the dialer had heard then; None if
            it was told before.
        whole: whether these are all that are heard there.
    """

    token: int
    patterns: tuple[tuple[str, int | None], ...]
    whole: bool = False


class Unwants(msgspec.Struct, array_like=True, frozen=True, tag="z"):
    """Nobody at the dialer's hears these any more."""

    patterns: tuple[str, ...]


class Passed(msgspec.Struct, array_like=True, frozen=True, tag="y"):
    """How far the dialer is.

    Attributes:
        number: so many packets it has published.
        token: up to this it knows of all wishes; 0 for nothing new.
        heard: so many it knows that the other one has published.
    """

    number: int
    token: int
    heard: int


# -- what the other one answers


class Answered(msgspec.Struct, array_like=True, frozen=True, tag="a"):
    """The whole answer to a request.

    Attributes:
        number: of the request.
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


class Left(msgspec.Struct, array_like=True, frozen=True, tag="l"):
    """A request whose client has gone gets no answer."""

    number: int


class Streaming(msgspec.Struct, array_like=True, frozen=True, tag="s"):
    """The head of an answer that is written bit by bit; attributes as those of `Answered`."""

    number: int
    status: int
    content_type: bytes
    headers: tuple[tuple[bytes, bytes], ...]


class Piece(msgspec.Struct, array_like=True, frozen=True, tag="p"):
    """The next bit of it."""

    number: int
    data: bytes


class Finished(msgspec.Struct, array_like=True, frozen=True, tag="n"):
    """Its last bit, which may be empty."""

    number: int
    data: bytes


class Aborted(msgspec.Struct, array_like=True, frozen=True, tag="x"):
    """It has broken off: its client is to see that."""

    number: int


class Said(msgspec.Struct, array_like=True, frozen=True, tag="r"):
    """The answer to what an operator wants to see; None if there is none."""

    number: int
    answer: bytes | None


class Heard(msgspec.Struct, array_like=True, frozen=True, tag="h"):
    """All packets of the dialer's up to this number have been routed."""

    number: int


class Moved(msgspec.Struct, array_like=True, frozen=True, tag="m"):
    """The session of a request is not here; the request is the dialer's again.

    Attributes:
        number: of the request.
        node: who has the session, as the engine says; "" if any node may adopt it, since this node stops.
    """

    number: int
    node: str


class Pong(msgspec.Struct, array_like=True, frozen=True, tag="o"):
    """I am."""


# -- connections, of which both say what goes on


class Tunnelled(msgspec.Struct, array_like=True, frozen=True, tag="c"):
    """A whole connection, for a session of the other node; the dialer says so.

    Attributes:
        number: of the connection.
        peer: the address of its other end.
        read: what was read of it.
        said: how many bytes of the answer were sent already.
    """

    number: int
    peer: str
    read: bytes
    said: int


class Bytes(msgspec.Struct, array_like=True, frozen=True, tag="b"):
    """What has come on it."""

    number: int
    data: bytes


class Taken(msgspec.Struct, array_like=True, frozen=True, tag="k"):
    """So many bytes of that have gone on."""

    number: int
    count: int


class Closed(msgspec.Struct, array_like=True, frozen=True, tag="e"):
    """It has ended."""

    number: int


State = Came | Went | Census | Wants | Unwants | Passed
"""What is told of the dialer's sessions, and what these hear."""

ByDialer = (
    Forwarded
    | Dropped
    | Granted
    | Asked
    | Told
    | Missed
    | Ping
    | Leaving
    | Tunnelled
    | Bytes
    | Taken
    | Closed
    | State
)
ByAcceptor = (
    Answered
    | Left
    | Moved
    | Streaming
    | Piece
    | Finished
    | Aborted
    | Said
    | Heard
    | Pong
    | Bytes
    | Taken
    | Closed
)
Message = ByDialer | ByAcceptor

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoders raise for bytes that are no message: a string may be no UTF-8, or arrays too deep."""

encode: Final = msgspec.msgpack.Encoder().encode
decode_of_dialer: Final = msgspec.msgpack.Decoder[ByDialer](ByDialer).decode
decode_of_acceptor: Final = msgspec.msgpack.Decoder[ByAcceptor](ByAcceptor).decode
