"""One session over HTTP: requests that the server holds, and requests that carry packets beside them.

1.  Which request is next, and what of an answer is new, `Conversation` decides. One task for each request that may be
    unanswered makes it, and repeats it until there is an answer.
2.  An answer may overtake the one before it on another connection. Its packets are left: they come again, since they
    are not acknowledged.
3.  What the server refuses ends the session, unless it is about the packets of a request: then that goes out again
    without them, and their sender is told. What waits for an earlier request is repeated.
4.  Where the session can go on at another process of the server, each request says how far this client has come, as
    `cometary.cluster.resumption` has it: packets of a process that has been replaced by another are left, too.
5.  A stream may carry what comes, in place of held requests (`cometary.client.carrying`).
6.  When the session has ended, `left` has the packets that have not reached the application, which another session may
    send, and `uncertain` those of which nobody knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from cometary.client.bodies import Answer, Welcome
from cometary.client.carrying import Carrying
from cometary.client.conversation import Conversation, Request
from cometary.cluster.resumption import Resumption
from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cometary.client.bodies import Packet
    from cometary.client.streams import StreamBody
    from cometary.client.way import Way

ABOUT_PACKETS: Final = frozenset({"bad-request", "forbidden-path", "forbidden", "too-large"})
GRACE: Final = 10.0
"""Seconds after which a request counts as lost, beyond those for which the server may hold it."""

PAUSE: Final = 0.1
"""Seconds until a request that waits for an earlier one is sent again."""

HELD: Final = 25
"""Seconds for which a request is held at most: less than `die` by more than `GRACE`."""

FIRST_RID: Final = 1


class Line:
    """One session.

    Args:
        way: to the server.
        welcome: what it has said when the session was opened.
        token: what the session was opened with.
        hear: takes packets that are new, in order.
        refused: told the packets that the server refuses, and why.
        stream: whether a stream is to carry what comes.

    Attributes:
        sid: the session's id.
        left: see rule 6.
        uncertain: the same.
    """

    def __init__(
        self,
        way: Way,
        welcome: Welcome,
        token: object,
        hear: Callable[[Sequence[Packet]], Awaitable[object]],
        refused: Callable[[Sequence[bytes], ProtocolError], Awaitable[object]],
        *,
        stream: bool = False,
    ) -> None:
        self._carrying = Carrying(way, self) if stream else None
        self.sid = welcome.sid
        self.left: tuple[bytes, ...] = ()
        self.uncertain: tuple[bytes, ...] = ()
        self._way = way
        self._patience = welcome.wait + GRACE
        self._requests = welcome.requests
        self._conversation = Conversation(welcome.sid, FIRST_RID, welcome.requests)
        self._resumption = Resumption(welcome.gen, None, FIRST_RID) if welcome.gen else None
        self._token = token
        self._bound = welcome.bind == "token"
        self._token_is_new = False
        self._hear = hear
        self._tell_refused = refused
        self._out: dict[int, Request] = {}  # unanswered, the oldest first
        self._closing = False
        self._last = 0  # the request that closes the session, once it has been made
        self._work = trio.lowlevel.ParkingLot()
        self._hearing = trio.Lock()

    @property
    def full(self) -> bool:
        """Whether as many packets wait as may."""
        return self._conversation.full

    def send(self, packet: bytes) -> None:
        """Send a packet with the next request."""
        self._conversation.offer(packet)
        self._work.unpark_all()

    def drain(self) -> tuple[bytes, ...]:
        """Take out what was sent since the session has ended."""
        return self._conversation.drain()

    def renew(self, token: object) -> None:
        """Give the server another token, with the next request."""
        self._token, self._token_is_new = token, True
        self._conversation.urge()
        self._work.unpark_all()

    async def run(self) -> ProtocolError:
        """Keep the session up until it ends; returns why."""
        ended: list[ProtocolError] = []

        async def work() -> None:
            try:
                while True:
                    await self._exchange(await self._next())
            except ProtocolError as error:
                ended.append(error)
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            if self._carrying is not None:
                self._conversation.attach()  # before a request goes out to be held
                nursery.start_soon(self._carrying.run)
            for _ in range(self._requests):
                nursery.start_soon(work)
        self._sort_out(ended[0].members.get("processed"))
        return ended[0]

    def close(self) -> None:
        """Send what waits, and end the session with the last of it: `run` returns then."""
        self._closing = True
        self._conversation.urge()
        self._work.unpark_all()

    async def _next(self) -> Request:
        while self._last or (request := self._conversation.take()) is None:
            await self._work.park()
        self._out[request.rid] = request
        if self._closing and not self._conversation.waiting:
            self._last = request.rid
        return request

    async def _exchange(self, request: Request) -> None:
        """Have one request answered, and take the answer."""
        answer = await self._post(request)
        del self._out[request.rid]
        if request.rid == self._last:
            raise ProtocolError(
                "session-ended", "The client has closed it.", reason="closed", processed=self._last
            )
        early = answer.seq > self._conversation.ack + 1  # rule 2
        if self._resumption is not None:
            self._resumption = self._resumption.answered(request.rid)
        left = early or not self._resumes_with(answer.seq, answer.packets, answer.gen, answer.at)
        new = self._conversation.answered(0 if left else answer.seq, [] if left else answer.packets)
        await self._take(new)
        if self._carrying is not None:
            self._carrying.outlived(answer.gen)

    async def _take(self, new: Sequence[Packet]) -> None:
        self._work.unpark_all()
        if new:
            # The answer after this one may come while this one's packets are being taken, which may have to wait: its
            # own are for later. Nothing comes between what is new and the lock, so they are taken in order.
            async with self._hearing:
                await self._hear(new)

    def _resumes_with(self, seq: int, packets: Sequence[Packet], generation: int, at: str | None) -> bool:
        """Take note of what comes with packets, or none, of the session (rule 4); returns whether they count."""
        says = self._resumption
        if says is None:
            return True
        counts = says.counts(generation)
        ack, last = self._conversation.ack, seq + len(packets) - 1
        if counts and seq <= ack + 1:
            self._resumption = says.got(generation, last, ack, at)
        return counts

    # -- what a stream carries (rule 5)

    def attachment(self) -> bytes:
        """Have a stream attached from now on, in place of held requests; returns what attaches it."""
        token = b',"token":%b' % encode(self._token) if self._bound else b""
        return self._conversation.attach(token + self._says)

    def detach(self) -> None:
        """Have requests held again."""
        self._conversation.detach()
        self._work.unpark_all()

    def acknowledge(self) -> None:
        """Acknowledge what was received, if that has not been done."""
        if self._conversation.owes:
            self._conversation.urge()
            self._work.unpark_all()

    async def carried(self, body: StreamBody, generation: int) -> bool:
        """Take what a stream brings, all of which is of this generation; returns whether it is to go on."""
        conversation = self._conversation
        if body.packets is None:
            conversation.beat()
            self._work.unpark_all()
            return True
        seq, known = body.seq or 0, 0 if self._resumption is None else self._resumption.generation
        counts = self._resumes_with(seq, body.packets, generation, body.at)
        if not counts or seq > conversation.ack + 1:
            return False
        if known < generation:
            conversation.urge()
        await self._take(conversation.carried(seq, body.packets))
        return True

    async def _post(self, request: Request) -> Answer:
        renewing = self._token_is_new
        self._token_is_new = False
        while True:
            try:
                return await self._way.post(
                    lambda: self._conversation.body(request, self._members(request, renewing)),  # noqa: B023
                    self._patience,
                    Answer,
                )
            except ProtocolError as error:
                if error.condition == "rid-out-of-window" and request.rid != min(self._out):
                    await trio.sleep(PAUSE)
                    continue
                if error.condition == "unauthorized" and renewing:
                    renewing = False
                    await self._tell_refused((), error)
                elif error.condition in ABOUT_PACKETS and request.packets:
                    refused, request = request.packets, Request(request.rid, ())
                    self._out[request.rid] = request
                    await self._tell_refused(refused, error)
                else:
                    raise

    def _members(self, request: Request, renewing: bool) -> bytes:  # noqa: FBT001 - private
        token = b',"token":%b' % encode(self._token) if renewing or self._bound else b""
        closing = b',"close":true' if request.rid == self._last else b""
        return token + closing + self._says

    @property
    def _says(self) -> bytes:
        return b"" if self._resumption is None else members_of(self._resumption)

    def _sort_out(self, processed: Any) -> None:
        """See what has reached the application (rule 6)."""
        if processed is None:
            self.uncertain = tuple(packet for each in self._out.values() for packet in each.packets)
            self.left = self._conversation.drain()
        else:
            later = [packet for rid, each in self._out.items() if rid > processed for packet in each.packets]
            self.left = (*later, *self._conversation.drain())


encode = msgspec.json.encode


def members_of(says: Resumption) -> bytes:
    """Write what a request says of its session (rule 4), as JSON behind a comma."""
    at = b"" if says.at is None else b',"at":%b' % encode(says.at)
    return b',"gen":%d%b,"done":%d' % (says.generation, at, says.done)


async def open_line(
    way: Way,
    token: object,
    hear: Callable[[Sequence[Packet]], Awaitable[object]],
    refused: Callable[[Sequence[bytes], ProtocolError], Awaitable[object]],
    *,
    resume: bool = False,
    stream: bool = False,
) -> Line:
    """Open a session, and try until there is one.

    Args:
        way: to the server.
        token: what its authenticator is given.
        hear: takes packets that are new, in order.
        refused: told the packets that the server refuses, and why.
        resume: whether the session is to outlive the process that has it, if the server can do that.
        stream: whether a stream is to carry what comes.

    Raises:
        ProtocolError: the server refuses, for good.
    """
    wish: dict[str, object] = {"rid": FIRST_RID, "wait": HELD}
    if token is not None:
        wish["token"] = token
    if resume:
        wish["resume"] = True
    body = encode(wish)
    welcome = await way.post(lambda: body, GRACE, Welcome)
    return Line(way, welcome, token, hear, refused, stream=stream)
