"""Another node, as one node sees it: the links to and from it, and what waits for them.

    unknown ── it is heard of, or dials ──→ there ── its lease runs out ──→ gone
                                             │ ↑                             │
              nobody listens at its address  │ │ there is a link, or         │
                                             ↓ │ the engine counts it again  │
                                            gone ←───────────────────────────┘

1.  Each node dials every other one. It asks over the link that it dialed, and is asked over the one that the other
    dialed.
2.  A node whose address refuses connections has gone: its socket is open as long as the process lives. That is known
    seconds before its lease has run out.
3.  A node that has not been heard from for `QUIET` seconds is asked whether it is there (`Ping`), and so is one whose
    lease has run out. It has gone when its lease has run out and no answer has come `ANSWER` seconds after it was
    asked, or there is no link. So a node that hangs is asked before its lease runs out. One whose lease has run out
    may have lost its connection to the engine, and nothing else.
4.  The outcome of what was asked of a node that has gone is unknown: its sessions have gone with it, except those
    that other nodes adopt (`finding`).
5.  A node that leaves has let go of all that others can adopt, and is asked for nothing more. It answers what it was
    asked until it ends the link; the outcome of what it has not answered by then is unknown, as with a node that has
    gone. There is no other link to wait for, and no lease.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary.nodes.accepted import Accepted
from cometary.nodes.forwarding import Forwarding
from cometary.nodes.link import SILENCE, Link
from cometary.nodes.messages import (
    Aborted,
    Answered,
    Finished,
    Heard,
    Leaving,
    Left,
    Moved,
    Piece,
    Ping,
    Pong,
    Said,
    Streaming,
    decode_of_acceptor,
)
from cometary.nodes.publications import Incoming, Outgoing
from cometary.nodes.questions import Questions
from cometary.nodes.tunnels import Tunnels, hang_up
from cometary.nodes.watcher import NOBODY
from cometary.sessions.ids import tag_of_node
from cometary.sessions.locator import Elsewhere

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.nodes.accepted import Home
    from cometary.nodes.link import Flushing
    from cometary.nodes.messages import State, Told
    from cometary.nodes.publications import Others
    from cometary.nodes.watcher import Watcher
    from cometary.sessions.locator import Place
    from cometary.transport.net.channel import Successor


ANSWER: Final = 2.0
"""Seconds that a node has to answer; they may have passed by the time its lease runs out."""

QUIET: Final = 1.0
"""Seconds of silence after which a node is asked whether it is there."""

NAMED: Final = 60.0
"""Seconds; see `cometary.nodes.peers`, rule 5."""

INCARNATIONS: Final = 4
"""Processes of one name whose packets are told apart."""


class Peer:
    """One other node.

    Args:
        node: its name.
        flushing: has links send.
        others: what is published for all nodes.
        comet: the path of the clients' endpoint.
        changed: told when a link has ended.
        watcher: returns who else has something to tell it.

    Attributes:
        node: the same.
        tag: what the ids of its sessions end with.
        address: where it is, as last heard.
        gone: whether it is taken for gone.
        leaving: whether it has said that it is about to stop.
        scattered: whether it has gone, or stopped, since it became known: sessions opened there may be anywhere.
        gone_since: since when it has been gone, or was the last time.
        refused: whether nobody has listened where it is, though a link from it was there.
        named_at: when another node named it.
        incarnation: which process it is; empty before that is known.
        forwarding: has it answer requests.
        questions: asks it what operators want to see.
        outgoing: what was published for it.
        incoming: what it has published; None until it has dialed.
        tunnelled: how many connections were passed on to it.
    """

    def __init__(
        self,
        node: str,
        flushing: Flushing,
        others: Others,
        comet: str,
        changed: Callable[[], object],
        *,
        watcher: Callable[[], Watcher] = lambda: NOBODY,
    ) -> None:
        self._watcher = watcher
        self.node = node
        self.tag = tag_of_node(node)
        self.address = ""
        self.gone = False
        self.leaving = False
        self.scattered = False
        self.gone_since = 0.0
        self.named_at = -inf
        self.refused = False
        self.incarnation = ""
        self._dialed_before = ""  # which process it was when it was dialed last
        self.forwarding = Forwarding(comet)
        self.questions = Questions()
        self.outgoing = Outgoing(node, others.lock, others.number)
        self.incoming: Incoming | None = None
        self._incomings: dict[str, Incoming] = {}
        self._asked_at: float | None = (
            None  # when it was asked whether it is there; it owes an answer if nothing was heard since
        )
        self._flushing = flushing
        self._changed = changed
        self._dialed: Link | None = None
        self._accepted: Accepted | None = None
        self._tunnels: Tunnels | None = None
        self._heard_at = 0.0
        self._said_leaving = False
        self.tunnelled = 0
        self.place: Place = Elsewhere(node, self.pass_on, self.forwarding.forward)

    @property
    def is_dialed(self) -> bool:
        """Whether there is a link to it."""
        return self._dialed is not None

    @property
    def has_dialed(self) -> bool:
        """Whether there is a link from it."""
        return self._accepted is not None

    @property
    def is_linked(self) -> bool:
        """Whether both links are there."""
        return self.is_dialed and self.has_dialed

    @property
    def has_links(self) -> bool:
        """Whether there is either link."""
        return self.is_dialed or self.has_dialed

    # -- the link to it

    def dialed(self, incarnation: str, heard: int | None) -> Link:
        """Return the link to it, which is there now.

        Args:
            incarnation: of that node.
            heard: the number of the last packet that it has heard of this node.
        """
        self._is(incarnation)
        link = Link(self.node, self._flushing, decode_of_acceptor, self._take_answer, self._undialed)
        self._dialed = link
        self._tunnels = Tunnels(link)
        self._heard_at = trio.current_time()
        self.gone = False
        self._said_leaving = False
        self.outgoing.linked(link, heard, again=self._dialed_before == incarnation)
        self._dialed_before = incarnation
        self.forwarding.linked(link)
        self.questions.linked(link)
        self._watcher().linked(self, link)
        return link

    def _undialed(self) -> None:
        tunnels, self._tunnels, self._dialed = self._tunnels, None, None
        self.outgoing.unlinked()
        self.forwarding.unlinked()
        self.questions.unlinked()
        if self.leaving:
            self.forwarding.gone()
        if tunnels is not None:
            tunnels.close()
        self._changed()

    def pass_on(self, read: bytes, said: int = 0) -> Successor:
        """Return what a connection whose session is there goes on as; see `ElsewhereError`."""
        tunnels = self._tunnels
        if tunnels is None:
            return hang_up(read, said)
        self.tunnelled += 1
        return tunnels.successor(read, said)

    def _take_answer(self, message: Any) -> None:  # noqa: C901 - one line for each kind
        self._heard_at = trio.current_time()
        forwarding = self.forwarding
        match message:
            case Answered():
                forwarding.answered(message)
            case Left():
                forwarding.left(message)
            case Moved():
                forwarding.moved(message)
            case Streaming():
                forwarding.begun(message)
            case Piece():
                forwarding.piece(message)
            case Finished():
                forwarding.finished(message)
            case Aborted():
                forwarding.aborted(message)
            case Said():
                self.questions.said(message)
            case Heard():
                self.outgoing.answered()
                self.outgoing.heard(message)
            case Pong():
                self.outgoing.answered()
            case _:
                if self._tunnels is not None:
                    self._tunnels.take(message)

    # -- the link from it

    @property
    def knows_of(self) -> int:
        """How many packets it has published, as far as is known here."""
        return 0 if self.incoming is None else self.incoming.passed

    def accepted(
        self, incarnation: str, home: Callable[[], Home], route: Callable[[Told, float], None]
    ) -> Link:
        """Return the link from it, which is there now, in place of the one that was there before.

        Args:
            incarnation: of that node.
            home: what this node has.
            route: routes what that node has published.
        """
        self._is(incarnation)
        before, incoming = self._accepted, self.incoming_of(incarnation, route)
        self._accepted = new = Accepted(
            self.node, self._flushing, home, incoming, self._unaccepted, self.take
        )
        self.incoming = incoming
        if before is not None:
            before.link.close()
        self.gone = False
        return new.link

    def incoming_of(self, incarnation: str, route: Callable[[Told, float], None]) -> Incoming:
        """Return what takes what it publishes: a separate one for each of its processes."""
        incoming = self._incomings.get(incarnation)
        if incoming is None:
            if len(self._incomings) >= INCARNATIONS:
                del self._incomings[next(iter(self._incomings))]
            self._incomings[incarnation] = incoming = Incoming(incarnation, route)
        return incoming

    def _is(self, incarnation: str) -> None:
        """Take note of which process it is: the one before it has gone, with its sessions."""
        if self.incarnation not in {"", incarnation} and self.has_links:
            self.has_gone()
        if self.incarnation != incarnation:
            self.leaving = False  # that was another process
        self.incarnation = incarnation
        self.refused = False

    def _unaccepted(self, accepted: Accepted) -> None:
        if self._accepted is accepted:
            self._accepted = None
            self._watcher().unheard(self)
            self._changed()

    # -- whether it is there

    def say_leaving(self, *, last: bool = False) -> None:
        """Tell it, ahead of what follows, that this node is about to stop; `last`: see `Leaving`, again each time."""
        if self._dialed is not None and (last or not self._said_leaving):
            self._said_leaving = True
            self._dialed.send(Leaving(last))

    def leaves(self) -> None:
        """Take note that it is about to stop (rule 5)."""
        self.leaving = self.scattered = True
        if self._dialed is None:
            self.forwarding.gone()

    def say(self, payload: bytes) -> None:
        """Tell it something that is repeated on its next link."""
        if self._dialed is not None:
            self._dialed.put(payload)

    def take(self, message: Leaving | State) -> None:
        """Take what it tells of itself."""
        if isinstance(message, Leaving):
            self.leaves()
        else:
            self._watcher().hear(self, message)

    def has_gone(self) -> None:
        """Take note that it has gone (rule 3)."""
        self.gone = self.scattered = True
        self._asked_at = None
        self.gone_since = trio.current_time()
        if self._dialed is not None:
            self._dialed.close()
        if self._accepted is not None:
            self._accepted.link.close()
        self.forwarding.gone()
        self.outgoing.gone()
        self._watcher().lost(self)

    def is_silent(self, now: float) -> bool:
        """Whether it does not answer, though its lease has run out; asks it, if it has not been asked yet (rule 3)."""
        if not self.has_links:
            return now > self.named_at + NAMED
        return now > self._ask(now) + ANSWER

    def _ask(self, now: float) -> float:
        """Ask it whether it is there, unless it still owes an answer to that; returns when it was asked."""
        asked_at = self._asked_at
        if asked_at is None or self._heard_at > asked_at:
            self._asked_at = asked_at = now
            if self._dialed is not None:
                self._dialed.send(Ping())
        return asked_at

    def look(self, now: float) -> None:
        """Do what is due, once a second: see whether it answers, and confirm what it has published."""
        self.forwarding.look(now)
        if self.incoming is not None:
            self.incoming.go_on()
            self.incoming.confirm()
        link = self._dialed
        if link is None:
            return
        if now > self._heard_at + SILENCE:
            link.cut("it does not answer")
        elif now > self._heard_at + QUIET:
            self._ask(now)

    @property
    def state(self) -> str:
        """What operators are told of it: `gone`, `there`, or `unreached`."""
        return "gone" if self.gone else "there" if self.is_linked else "unreached"

    def as_dict(self) -> dict[str, Any]:
        """Return what is known of it as plain data."""
        return {
            "node": self.node,
            "address": self.address,
            "state": self.state,
            "forwarded": self.forwarding.total,
            "waiting": self.forwarding.waiting,
            "tunnelled": self.tunnelled,
            "updates": self.outgoing.total,
        }
