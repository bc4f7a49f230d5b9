"""A packet: `update(sender, path, message)` on its way, encoded once however many receive it; see `encodings`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from mypy_extensions import mypyc_attr

from cometary.errors import UsageError
from cometary.escapes import exit_in
from cometary.log import show
from cometary.packets.nesting import AROUND, DEEPEST, SHORTEST, is_too_deep
from cometary.packets.plain_values import plain_value

if TYPE_CHECKING:
    from cometary.packets.probes import Probe

BYTES: Final = (bytes, bytearray, memoryview)

NOT_ENCODABLE: Final = (TypeError, ValueError, RecursionError, BufferError)
"""What encoders raise."""

_encode: Final = msgspec.json.Encoder(enc_hook=plain_value).encode

MOST_REMEMBERED_PATHS: Final = 1024
"""Paths of which it is remembered how they are written; when there are more, all are written anew."""

_begun: Final[dict[str, bytes]] = {}


@mypyc_attr(allow_interpreted_subclasses=True)
class Packet:
    """One path and one message; immutable, and shared by every session that receives it.

    Args:
        path: where the message belongs; what the receiver selects handlers by.
        message: any value that JSON or CBOR can carry. Byte strings reach a JSON client as
            base64 text.
        sender: who sent it, for receivers inside the server; it does not travel.
    """

    __slots__ = ("_json", "cause", "encoded", "extra", "message", "path", "probe", "sender")

    def __init__(self, path: str, message: Any = None, sender: object = None) -> None:
        self.path = path
        self.message = message
        self.sender = sender
        self.cause: Any = None
        """The keeper of the session whose client brought it about, if one did; see `flow`."""
        self.probe: Probe | None = None
        """What takes the time of its way, of few."""
        self._json: bytes | None = None
        self.encoded: dict[str, bytes] | None = None
        """What encodings other than JSON have made of it, by their names; theirs, see `encodings`."""
        self.extra: dict[str, str] | None = None
        """What travels beside path and message, by its names; see `marked`."""

    @property
    def json(self) -> bytes:
        """The packet as JSON, encoded when it is first asked for."""
        if self._json is None:
            written = before_message(self.path) + _encode(self.message) + b"}"
            self._json = written if self.extra is None else _with_members(written, self.extra)
        return self._json

    def again(self) -> Packet:
        """Return the same packet once more, to be marked anew."""
        twin = Packet(self.path, self.message, self.sender)
        twin.cause = self.cause
        return twin

    def preset(self, json: bytes | None = None, encoded: dict[str, bytes] | None = None) -> None:
        """Take what was written of the packet elsewhere, so that it is not written again."""
        self._json = json or self._json
        self.encoded = encoded or self.encoded

    def mark(self, name: str, value: str) -> None:
        """Have one more member travel, from before anybody has the packet. What was encoded is not encoded again."""
        self.extra = {name: value}
        self.encoded = None
        if self._json is not None:
            self._json = _with_members(self._json, self.extra)

    def plain_message(self) -> object:
        """Return the message in the values that JSON has, and byte strings.

        What can be encoded as JSON can then be as CBOR, and receivers need to know no tags, unless
        it holds integers beyond 64 bits.
        """
        try:
            return msgspec.to_builtins(self.message, builtin_types=BYTES, str_keys=True, enc_hook=plain_value)
        except BaseException as error:
            # Keys that are byte strings, or of a subclass of text; or an object of the application's that could be
            # encoded when it was sent, and cannot now. That is no fault of the session whose turn this is.
            if exit_in(error) is not None:
                raise
            return msgspec.json.decode(self.json)["message"]

    @property
    def size(self) -> int:
        """Bytes of the packet as JSON: what counts against every limit."""
        return len(self.json)

    def __repr__(self) -> str:
        return f"<Packet to {self.path!r}>"


def before_message(path: str) -> bytes:
    """Return what is before the message in the JSON of a packet to `path`; it is remembered, since paths come again."""
    begun = _begun.get(path)
    if begun is None:
        begun = b'{"path":' + _encode(path) + b',"message":'
        if len(_begun) >= MOST_REMEMBERED_PATHS:
            _begun.clear()
        _begun[path] = begun
    return begun


def marked(packet: Packet, name: str, value: str) -> Packet:
    """Return a packet with one more member: itself, or a twin if it has one already, since somebody may have it."""
    if packet.extra is not None:
        packet = packet.again()
    packet.mark(name, value)
    return packet


def _with_members(json: bytes, members: dict[str, str]) -> bytes:
    """Return a map, which is not empty, with more members."""
    return b"%b,%b" % (json[:-1], _encode(members)[1:])


def outgoing(path: str, message: Any = None, sender: object = None) -> Packet:
    """Return a packet that is sure to be encodable, so that no receiver can stumble over it.

    Raises:
        UsageError: if it holds something that cannot be encoded; the caller's fault.
    """
    packet = Packet(path if type(path) is str else str.__str__(path), message, sender)
    check_encodable(packet)
    return packet


def check_encodable(packet: Packet) -> None:
    """Encode a packet, once for all receivers, and see whether they can decode it; a short one they can.

    Raises:
        UsageError: if it cannot be encoded, whatever the objects in it raise, or its message is nested too deep;
            the caller's fault.
    """
    try:
        text = packet.json
    except BaseException as error:
        if exit_in(error) is not None:
            raise
        why = str(error) if issubclass(type(error), NOT_ENCODABLE) else show(error)
        raise UsageError(f"the message for {packet.path!r} cannot be encoded: {why}") from error
    if len(text) > SHORTEST and is_too_deep(text, DEEPEST - AROUND + 1):
        raise UsageError(f"the message for {packet.path!r} is nested deeper than {DEEPEST - AROUND} levels")
