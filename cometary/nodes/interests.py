"""Who wants what: an update goes to the nodes at which somebody hears its path, and to no others.

1.  Each node tells every other one which patterns it wants (`Wants`, `Unwants`), all of them on every new link. Until
    that is known, and while there is no link from it, a node gets all that is published.
2.  A session that connects does not wait for that. The latest updates are remembered: when a node says that it wants
    a pattern, it is sent those that it has not been sent yet and that were published after it last heard how far the
    publisher was. So a session that was connected before something was published gets it, and perhaps what was
    published in the moment before. Each node tells the others how far it is (`Passed`) every quarter of a second. If
    the link from a node breaks, it is at once sent everything that it was not sent since it last told: so the order
    of a path is kept.
3.  At most `MOST_RECENT` updates are remembered, and `MOST_BYTES` of them. If these do not reach back far enough, the
    node is told that something is missing (`Missed`).
4.  What a node has told is repeated on the next link, with what it had heard at the time, until it has been answered,
    or until the pattern is no longer wanted.

`Interests` is about what others want, `Telling` about what this node wants. Pure, except for what they send.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import count
from typing import TYPE_CHECKING, Final

from cometary.dispatch.subscriptions import Subscriptions
from cometary.nodes.messages import Missed, Passed, Told, Unwants, Wants, encode
from cometary.packets.patterns import Pattern
from cometary.packets.published import as_published

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cometary.nodes.link import Link
    from cometary.nodes.peer import Peer
    from cometary.nodes.publications import Others, Outgoing
    from cometary.packets.packet import Packet
    from cometary.packets.published import Published

MOST_RECENT: Final = 10_000
MOST_BYTES: Final = 8 << 20

EVERYTHING: Final = Pattern.compile("**")

Place = tuple[str, int, int, str]
"""Epoch, number, the number before, and key: see `Told`."""

NOWHERE: Final[Place] = ("", 0, 0, "")


class Recent:
    """An update that was published a moment ago.

    Attributes:
        number: which one it is of this node's.
        packet: the update.
        published: what is told of it; None before anybody was told.
        place: where it is kept.
        told: who was told.
    """

    __slots__ = ("number", "packet", "place", "published", "told")

    def __init__(
        self, number: int, packet: Packet, published: Published | None, place: Place, told: list[Outgoing]
    ) -> None:
        self.number = number
        self.packet = packet
        self.published = published
        self.place = place
        self.told = told

    def encoded(self, number: int) -> bytes:
        """Return what is told, under a number."""
        if self.published is None:
            self.published = as_published(self.packet)
        return encode(Told(number, self.published, *self.place))


class Interests:
    """What other nodes want, and what was published for them. The lock of `others` is held for all of it.

    Args:
        others: what is kept for each.
    """

    def __init__(self, others: Others) -> None:
        self._others = others
        self._wanted: Subscriptions[Outgoing] = Subscriptions()
        self._recent: deque[Recent] = deque()
        self._bytes = 0
        self._dropped = 0  # the number of the last one that is no longer remembered
        self._number = 0

    @property
    def number(self) -> int:
        """The number of the latest update."""
        return self._number

    def publish(self, packet: Packet, published: Published | None = None, place: Place = NOWHERE) -> None:
        """Keep an update for those who want it."""
        others = self._others
        self._number = number = self._number + 1
        wanting = self._wanted.subscribers(packet.path)
        told = [each for each in others.there() if each.hears_all or each in wanting]
        recent = Recent(number, packet, published, place, told)
        if told:
            payload = recent.encoded(number)
            for each in told:
                each.add(number, payload)
        for each in others.away():
            each.skip(number)
        others.number = number
        self._remember(recent)

    def _remember(self, recent: Recent) -> None:
        self._recent.append(recent)
        self._bytes += recent.packet.size
        while len(self._recent) > MOST_RECENT or self._bytes > MOST_BYTES:
            dropped = self._recent.popleft()
            self._bytes -= dropped.packet.size
            self._dropped = dropped.number

    def take(self, peer: Peer, wants: Wants) -> None:
        """Take note of what a node wants, and send it what it has not been sent (rule 2)."""
        outgoing = peer.outgoing
        if wants.whole:
            named = {pattern for pattern, _ in wants.patterns}
            for pattern in [each for each in self._wanted.patterns(outgoing) if each not in named]:
                self._wanted.unsubscribe(pattern, outgoing)
        missed = False
        for pattern, heard in wants.patterns:
            if self._wanted.subscribe(pattern, outgoing) and heard is not None:
                missed |= not self._send_recent(
                    outgoing, Pattern.compile(pattern), max(heard, outgoing.begins)
                )
        outgoing.hears_all = False
        if missed:
            peer.say(encode(Missed()))

    def _send_recent(self, outgoing: Outgoing, pattern: Pattern, heard: int) -> bool:
        """Send the recent updates behind a number; returns whether all of these are remembered."""
        for recent in self._behind(heard):
            if outgoing not in recent.told and pattern.matches(recent.packet.path):
                recent.told.append(outgoing)
                self._others.number = self._number = number = self._number + 1
                outgoing.add(number, recent.encoded(number))
        return heard >= self._dropped

    def _behind(self, heard: int) -> list[Recent]:
        found: list[Recent] = []
        for recent in reversed(self._recent):
            if recent.number <= heard:
                break
            found.append(recent)
        return found[::-1]

    def hear_nothing_of(self, peer: Peer) -> None:
        """Send a node all that is published, and first what it may have begun to want: its word may have been lost."""
        outgoing = peer.outgoing
        if not outgoing.hears_all:
            outgoing.hears_all = True
            self._send_recent(outgoing, EVERYTHING, outgoing.heard_of)
            outgoing.begins = max(outgoing.begins, outgoing.heard_of)

    def forgo(self, peer: Peer, patterns: Iterable[str]) -> None:
        """Take note of what a node no longer wants."""
        for pattern in patterns:
            self._wanted.unsubscribe(pattern, peer.outgoing)

    def forget(self, peer: Peer) -> None:
        """Know nothing of what a node wants."""
        self._wanted.drop(peer.outgoing)
        peer.outgoing.hears_all = True


class Telling:
    """What one other node is told of what this one wants.

    Args:
        peer: the node.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._tokens = count(1)
        self._unanswered: OrderedDict[str, tuple[int, int]] = (
            OrderedDict()
        )  # by pattern: its token, and what was heard

    def want(self, pattern: str) -> None:
        """Tell it that a pattern is wanted from now on."""
        token, heard = next(self._tokens), self._peer.knows_of
        self._unanswered[pattern] = token, heard
        self._unanswered.move_to_end(pattern)
        self._peer.say(encode(Wants(token, ((pattern, heard),))))

    def forgo(self, patterns: Sequence[str]) -> None:
        """Tell it that patterns are no longer wanted."""
        for pattern in patterns:
            self._unanswered.pop(pattern, None)
        self._peer.say(encode(Unwants(tuple(patterns))))

    def all_of_it(self, wanted: Iterable[str], link: Link) -> None:
        """Tell it all that is wanted, on a new link (rule 4)."""
        unanswered = self._unanswered
        patterns = tuple((each, unanswered[each][1] if each in unanswered else None) for each in wanted)
        link.send(Wants(next(self._tokens), patterns, whole=True))

    def how_far(self, number: int) -> None:
        """Tell it how much was published here."""
        self._peer.say(encode(Passed(number, 0, self._peer.knows_of)))

    def answered(self, token: int) -> None:
        """Take note that it knows all up to this."""
        while self._unanswered and next(iter(self._unanswered.values()))[0] <= token:
            self._unanswered.popitem(last=False)
