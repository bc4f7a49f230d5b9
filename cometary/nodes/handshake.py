"""How two nodes make sure that they are who they say, before either takes anything from the other.

    dialer                              acceptor
      Hello                       →
                                  ←     Reply, or Refused
      Proof                       →
                                  ←     Proof, or Refused

1.  Both know the secret, and neither says it: each proves that it does by a keyed digest (HMAC-SHA-256, RFC 2104) of
    all that was said before, under a word of its own. So what one has said cannot be said again by the other.
2.  Each gives a number that it has never given before (`nonce`). So what was overheard is of no use later.
3.  The dialer, which the engine has told where to dial, proves first. A stranger who dials learns what an acceptor's
    `Hello` says, its name, its version, its address and its clock, and no more: nothing that proves the secret.
4.  What is said afterwards is not encrypted: the link belongs on a network that strangers are not on.
5.  Names, versions and clocks are told before, so that what does not go together is one clear line, at both ends.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import msgspec

from cometary.errors import NodeRefusedError
from cometary.nodes.messages import UNREADABLE
from cometary.version import version

LINK_VERSION: Final = 3
"""Raised whenever a message changes. Nodes of different ones do not understand each other, and say so."""

LONGEST: Final = 4096
"""Bytes of a message."""

LONGEST_OF_ACCEPTOR: Final = 65_535
"""Bytes of the acceptor's proof, which names all others: it was dialed, so it is no stranger."""

MOST_OTHERS: Final = 500
"""Nodes that it names: their names have 64 characters at most, as few have."""

LONGEST_SHOWN: Final = 300
"""Characters of what is logged."""

STRANGE: Final = "it does not speak the protocol of nodes"
STRANGER: Final = "the two have different values of node-secret"

SKEW: Final = 60.0
"""Seconds by which two clocks may differ before that is worth a warning."""


class Hello(msgspec.Struct, array_like=True, frozen=True, tag="hello"):
    """Who somebody is; both say it.

    Attributes:
        link_version: what it speaks.
        version: of the program.
        node: its name.
        incarnation: of the process.
        address: where it is found.
        time: by its clock, in seconds since 1970.
        nonce: a number never given before.
    """

    link_version: int
    version: str
    node: str
    incarnation: str
    address: str
    time: float
    nonce: bytes


class Proof(msgspec.Struct, array_like=True, frozen=True, tag="proof"):
    """That it knows the secret.

    Attributes:
        digest: the proof.
        heard: how many of the dialer's packets the acceptor has routed; None if none, or if the dialer says it.
        others: the names and addresses of the nodes with which the acceptor is linked; none if the dialer says it.
    """

    digest: bytes
    heard: int | None = None
    others: tuple[tuple[str, str], ...] = ()


class Refused(msgspec.Struct, array_like=True, frozen=True, tag="refused"):
    """The dialer is refused, and why."""

    why: str


Step = Hello | Proof | Refused

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder[Step](Step).decode


class Welcome(NamedTuple):
    """What a dialer that has proved who it is is told: see `Proof`."""

    heard: int | None
    others: tuple[tuple[str, str], ...] = ()


class ByteStream(Protocol):
    """By what they talk."""

    async def send_all(self, data: bytes, /) -> None:
        """Send."""
        ...

    async def receive_exactly(self, count: int, /) -> bytes:
        """Receive so many bytes; raises `EOFError` if there are fewer."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this node is.

    Attributes:
        node: its name.
        incarnation: of this process.
        address: where it is found.
        secret: what all nodes know.
    """

    node: str
    incarnation: str
    address: str
    secret: bytes

    def hello(self) -> Hello:
        """Say it, with a new nonce."""
        nonce = secrets.token_bytes(32)
        return Hello(LINK_VERSION, version(), self.node, self.incarnation, self.address, time.time(), nonce)

    def proof(self, side: bytes, told: bytes) -> bytes:
        """Prove that the secret is known, at one side, given all that was said before."""
        return hmac.digest(self.secret, side + told, "sha256")


async def dial(stream: ByteStream, own: Identity, node: str) -> tuple[Hello, Proof]:
    """Be the dialer.

    Args:
        stream: leads to the other one.
        own: who this one is.
        node: who is expected there.

    Returns:
        Who is there, and its proof, which says what it has heard of this node.

    Raises:
        NodeRefusedError: they do not go together; the operator's fault.
        EOFError: the other end has gone.
    """
    hello = await _say(stream, own.hello())
    reply, heard = await _hear(stream)
    if isinstance(reply, Refused):
        raise NodeRefusedError(f"it refuses this one: {shown(reply.why)}")
    if not isinstance(reply, Hello):
        raise NodeRefusedError(STRANGE)
    if reply.node != node:
        raise NodeRefusedError(f"it is the node {reply.node!r}")
    check_version(reply)
    told = hello + heard
    await _say(stream, Proof(own.proof(b"dialer", told)))
    proof, _ = await _hear(stream, LONGEST_OF_ACCEPTOR)
    if isinstance(proof, Refused):
        raise NodeRefusedError(f"it refuses this one: {shown(proof.why)}")
    if not isinstance(proof, Proof) or not hmac.compare_digest(proof.digest, own.proof(b"acceptor", told)):
        raise NodeRefusedError(STRANGER)
    return reply, proof


async def accept(stream: ByteStream, own: Identity, welcome: Callable[[Hello], Awaitable[Welcome]]) -> Hello:
    """Be the acceptor.

    Args:
        stream: leads to the dialer.
        own: who this one is.
        welcome: returns what a node is told once it has proved who it is; `NodeRefusedError`s that it raises refuse it.

    Returns:
        Who has dialed.

    Raises:
        NodeRefusedError: they do not go together; the dialer was told why.
        EOFError: the other end has gone.
    """
    try:
        said, told = await _have_it_proved(stream, own)
        heard, others = await welcome(said)
    except NodeRefusedError as error:
        await _say(stream, Refused(str(error)))
        raise
    await _say(stream, Proof(own.proof(b"acceptor", told), heard, others[:MOST_OTHERS]))
    return said


async def _have_it_proved(stream: ByteStream, own: Identity) -> tuple[Hello, bytes]:
    """Return who has dialed, and all that was said; raises `NodeRefusedError`."""
    said, hello = await _hear(stream)
    if not isinstance(said, Hello):
        raise NodeRefusedError(STRANGE)
    if said.node == own.node:
        raise NodeRefusedError(f"two nodes are named {own.node!r}")
    check_version(said)
    told = hello + await _say(stream, own.hello())
    proof, _ = await _hear(stream)
    if not isinstance(proof, Proof) or not hmac.compare_digest(proof.digest, own.proof(b"dialer", told)):
        raise NodeRefusedError(STRANGER)
    return said, told


def check_version(other: Hello) -> None:
    """Check that another node speaks the same version of the link.

    Raises:
        NodeRefusedError: it does not; the operator's fault.
    """
    if other.link_version != LINK_VERSION:
        raise NodeRefusedError(
            f"{shown(other.node)!r} is cometary {shown(other.version)}, which speaks version "
            f"{other.link_version} of the link; this one is {version()}, which speaks version "
            f"{LINK_VERSION}: update all nodes"
        )


def shown(text: str) -> str:
    """Return what a stranger may have said as one line that is not too long."""
    return "".join(each if each.isprintable() else "?" for each in text[:LONGEST_SHOWN])


def skew_of(other: Hello) -> float:
    """Return by how many seconds the clock of another node, which has just said it, is ahead of this one's."""
    return other.time - time.time()


async def _say(stream: ByteStream, step: Step) -> bytes:
    said = _encode(step)
    await stream.send_all(len(said).to_bytes(2, "big") + said)
    return said


async def _hear(stream: ByteStream, longest: int = LONGEST) -> tuple[Step, bytes]:
    length = int.from_bytes(await stream.receive_exactly(2), "big")
    if length > longest:
        raise NodeRefusedError(STRANGE)
    heard = await stream.receive_exactly(length)
    try:
        return _decode(heard), heard
    except UNREADABLE:
        raise NodeRefusedError(STRANGE) from None
