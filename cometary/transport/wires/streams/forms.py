"""The forms that a stream may have: what its hello, its packets, its beats and its last words look like.

1.  A stream begins with a hello, which says the number of the packet that comes next: so a client, or a proxy that
    holds things back, is found out within seconds.
2.  A packet that follows on has no number of its own, except for server-sent events, whose `id` the browser sends
    back. So a packet looks the same on all streams, and is written once however many receive it.
3.  A beat is empty, and is to be answered; the last words are those of an error.

Source: the WHATWG's HTML standard, section 9.2 (server-sent events); RFC 8742 (CBOR sequences).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from cometary.errors import UsageError
from cometary.packets.encodings import Encoding
from cometary.transport.codecs import cbor, json
from cometary.transport.wires.comet.bodies import with_members, write_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.errors import ProtocolError
    from cometary.packets.packet import Packet
    from cometary.sessions.resuming import Placing
    from cometary.transport.codecs import Codec

RETRY: Final = 1000
"""Milliseconds after which an EventSource whose stream has ended comes back."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Form:
    """One form of streams.

    Args:
        content_type: the media type.
        beat: what is to be answered by a sign of life.
        codec: how an error is written that comes instead of a stream.
        end: what comes behind each body.
    """

    __slots__ = ("beat", "codec", "content_type", "end")

    def __init__(self, content_type: bytes, beat: bytes, codec: Codec, end: bytes = b"") -> None:
        self.end = end
        self.content_type = content_type
        self.beat = beat
        self.codec = codec

    def hello(self, first_seq: int, recorder: Placing | None = None) -> bytes:
        """Return what a stream begins with, whose next packet is numbered `first_seq`; of which generation, if any."""
        members: dict[str, object] = {"seq": first_seq, "packets": []}
        if recorder is not None:
            members["gen"] = recorder.generation
        return self.body(members)

    def placed(self, first_seq: int, packets: Sequence[Packet], recorder: Placing, *, follows: bool) -> bytes:
        """Return packets to a client that can go on with its session elsewhere, and where it is behind them.

        Args:
            first_seq: as in `packets`, like those that are not mentioned.
            packets: the packets.
            recorder: knows where the client is.
            follows: whether the number follows on.
        """
        at = recorder.moved(first_seq, len(packets))
        if at is None:
            return self.packets(first_seq, packets, follows=follows)
        body = write_answer(first_seq, packets, self.codec, follows=follows)
        return with_members(body, {"at": at}, self.codec) + self.end

    def packets(self, first_seq: int, packets: Sequence[Packet], *, follows: bool) -> bytes:
        """Return packets, one at least.

        Args:
            first_seq: the number of the first one.
            packets: the packets.
            follows: whether it is the number that follows on, so that it can be left out.
        """
        raise NotImplementedError

    def error(self, error: ProtocolError) -> bytes:
        """Return the last words of a stream."""
        return self.body(error.body_in_full())

    def body(self, members: dict[str, object]) -> bytes:
        """Return whatever else is said."""
        raise NotImplementedError


class PacketLine(Encoding):
    """A packet by itself as a line of JSON."""

    __slots__ = ()

    def write(self, packet: Packet) -> bytes:
        """Write the line."""
        return write_answer(0, (packet,), json, follows=True) + b"\n"


PACKET_LINE: Final = PacketLine("line")


class Lines(Form):
    """A body of JSON on each line."""

    __slots__ = ()

    def packets(self, first_seq: int, packets: Sequence[Packet], *, follows: bool) -> bytes:
        """See `Form.packets`."""
        if follows and len(packets) == 1:
            return PACKET_LINE.encode(packets[0])
        return write_answer(first_seq, packets, json, follows=follows) + b"\n"

    def body(self, members: dict[str, object]) -> bytes:
        """See `Form.body`."""
        return json.encode(members) + b"\n"


class Items(Form):
    """A sequence of bodies in CBOR."""

    __slots__ = ()

    def packets(self, first_seq: int, packets: Sequence[Packet], *, follows: bool) -> bytes:
        """See `Form.packets`."""
        return write_answer(first_seq, packets, cbor, follows=follows)

    def body(self, members: dict[str, object]) -> bytes:
        """See `Form.body`."""
        return cbor.encode(members)


@mypyc_attr(allow_interpreted_subclasses=True)
class Events(Form):
    """Server-sent events: one for each packet. What is no packet has the name `comet`, so `onmessage` is spared it."""

    __slots__ = ()

    def hello(self, first_seq: int, recorder: Placing | None = None) -> bytes:
        """See `Form.hello`; a browser that has lost the stream is to be back soon."""
        return b"retry:%d\n%b" % (RETRY, super().hello(first_seq, recorder))

    def placed(self, first_seq: int, packets: Sequence[Packet], recorder: Placing, *, follows: bool) -> bytes:  # noqa: ARG002
        """See `Form.placed`: where the client is stands in the ids, which are all that it comes back with."""
        gen = recorder.generation
        events: list[bytes] = []
        for seq, packet in enumerate(packets, first_seq):
            at = recorder.place(seq).encode()
            events.append(b"id:%d.%d.%b\ndata:%b\n\n" % (seq, gen, at, packet.json))
        return b"".join(events)

    def packets(self, first_seq: int, packets: Sequence[Packet], *, follows: bool) -> bytes:  # noqa: ARG002
        """See `Form.packets`."""
        if len(packets) == 1:
            return b"id:%d\ndata:%b\n\n" % (first_seq, packets[0].json)
        return b"".join(
            [b"id:%d\ndata:%b\n\n" % (seq, packet.json) for seq, packet in enumerate(packets, first_seq)]
        )

    def body(self, members: dict[str, object]) -> bytes:
        """See `Form.body`."""
        return b"event:comet\ndata:%b\n\n" % json.encode(members)


class NamedEvents(Events):
    """The same for a browser that has nothing but the id of the last one to say whose it was.

    Args:
        name: what every id begins with.
    """

    __slots__ = ("name",)

    def __init__(self, name: bytes) -> None:
        super().__init__(EVENTS.content_type, EVENTS.beat, json)
        self.name = name

    def hello(self, first_seq: int, recorder: Placing | None = None) -> bytes:
        """See `Form.hello`; it has an id, too: the browser may have to come back before there was a packet."""
        return b"id:%b.%d\n%b" % (self.name, first_seq - 1, super().hello(first_seq, recorder))

    def placed(self, first_seq: int, packets: Sequence[Packet], recorder: Placing, *, follows: bool) -> bytes:  # noqa: ARG002
        """Refuse: there is no room for a place in these ids, and a browser like this asks for no session that resumes.

        Raises:
            UsageError: always; ours.
        """
        raise UsageError("a stream whose ids are a name says of no packet where its client is")

    def packets(self, first_seq: int, packets: Sequence[Packet], *, follows: bool) -> bytes:  # noqa: ARG002
        """See `Form.packets`."""
        name = self.name
        return b"".join(
            [
                b"id:%b.%d\ndata:%b\n\n" % (name, seq, packet.json)
                for seq, packet in enumerate(packets, first_seq)
            ]
        )

    def error(self, error: ProtocolError) -> bytes:
        """See `Form.error`; the browser is told when to come back."""
        last = super().error(error)
        return last if error.retry_after is None else come_back(error.retry_after) + last


def come_back(seconds: int) -> bytes:
    """Return what has a browser come back that many seconds after the end of the stream."""
    return b"retry:%d\n\n" % (1000 * seconds)


EVENTS: Final[Form] = Events(b"text/event-stream", b"event:comet\ndata:{}\n\n", json)

FORMS: Final[dict[bytes, Form]] = {
    form.content_type: form
    for form in (
        EVENTS,
        Lines(b"application/x-ndjson", b"{}\n", json, b"\n"),
        Items(b"application/cbor-seq", b"\xa0", cbor),
    )
}
"""By the media type that a client accepts."""


def accepted(accept: bytes) -> Form | None:
    """Return the form that a client names first in its `Accept`, if it names any."""
    for wish in accept.lower().split(b","):
        form = FORMS.get(wish.partition(b";")[0].strip())
        if form is not None:
            return form
    return None
