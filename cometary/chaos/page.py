"""One page: a session, its two lines, and what it sends.

1.  Each line asks for the next request, exchanges it, and tells what came of it; the conversation decides what comes
    next. A line without a request waits until there may be one.
2.  While the page is away, no line sends anything: a blackout (`line.py`), or a page that lingers.
3.  A page that is about to linger sends nothing new until everything it sent is answered: only then does the server's
    die timer run.
4.  Once the page is calm, nothing is broken any more, and nothing new is sent: what is out comes home.
5.  A page whose session was lost with its worker (`killing.py`) opens another one, and starts its accounts afresh.
6.  A page that changes its wires (`changing.py`) has no request held while it has a stream, or is about to have one.
"""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from cometary.chaos.application import BEAT, DOWN, ROOM, UP
from cometary.chaos.breaks import about
from cometary.chaos.changing import Changing
from cometary.chaos.habits import AWAY, BLACKOUTS, LINGERING
from cometary.chaos.ledger import Counts, Ledger, total
from cometary.chaos.line import Line
from cometary.chaos.recovery import Recovery
from cometary.chaos.wire import Reply
from cometary.client.bodies import Answer, Packet, Refused, Welcome, read_refusal
from cometary.client.conversation import Conversation, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.chaos.habits import Habits, Trouble
    from cometary.chaos.plan import Plan
    from cometary.chaos.shared import Shared, Target
    from cometary.client.streams import StreamBody

OK: Final = 200
SERVER_ERRORS: Final = 500
GONE: Final = frozenset({"session-ended", "unknown-session"})
"""Conditions after which the session is over."""

PASSING: Final = frozenset({"too-many-requests", "too-many-sessions", "shutting-down", "rid-out-of-window"})
"""Conditions after which a request is sent again, with those of a proxy whose server does not answer."""

NO_ECHO: Final = "; the application needs add_echo of cometary.chaos.application"

PATIENCE: Final = 0.5
"""Seconds until a request that was refused for a while is sent again."""

MOST_LINES: Final = 2
"""The protocol's: one is held, the other free to send."""

OVERSLEPT: Final = "timeout, since the bench came too late"
"""Why a session ended if its page had nothing out for longer than the die timer: not the server's fault."""

FAREWELL: Final = 2.0
"""Seconds that the closing of a session may take."""


class Page:
    """One page.

    Args:
        plan: what the run is to do.
        target: where to connect.
        habits: what the page does to its connections.
        chance: what its troubles follow from.
        shared: where what is measured goes.

    Attributes:
        era: counts the blackouts.
        blackout: when the next one is due.
        calm: whether trouble is over (rule 4).
        cuts: how many of its connections it has broken.
        ended: why its session ended before the page closed it, if it did.
        die: seconds without a held request after which the server ends the session.
        ledger: what it has sent and got, in this session.
        orphaned: whether its session was lost, and it has no other one yet.
    """

    def __init__(self, plan: Plan, target: Target, habits: Habits, chance: Random, shared: Shared) -> None:
        self.plan = plan
        self.target = target
        self.habits = habits
        self.zombies = shared.zombies
        self.era = 0
        self.blackout = math.inf
        self.calm = True
        self.cuts = 0
        self.ended: str | None = None
        self._chance = chance
        self._shared = shared
        self.ledger = self._new_ledger()
        self._past: list[Ledger] = []
        self._opened = 0.0
        self.orphaned = False
        self._recovery = Recovery(self.ledger, shared.replays)
        self._lines = [self._new_line()]
        self._changing = Changing(self, chance)
        self._conversation: Conversation  # from `open` on
        self._end = trio.CancelScope()
        self.die = 0.0
        self._away_until = -math.inf
        self._lingers = False
        self._quiet_since = math.inf  # since then nothing of it has been out
        self._overslept = False
        self._work = trio.lowlevel.ParkingLot()
        self._padding = "." * plan.size
        self._name = chance.randrange(1 << 40)
        self._shouted = 0

    def _new_ledger(self) -> Ledger:
        """Return the ledger that keeps its accounts."""
        return Ledger()

    def _new_line(self) -> Line:
        """Return one more of its connections."""
        return Line(self, self._chance)

    def _wishes(self) -> bytes:
        """Return what is asked for when the session is opened, as JSON after a comma."""
        return b"" if self._shared.token is None else b',"token":' + msgspec.json.encode(self._shared.token)

    async def open(self) -> None:
        """Open the session, without any trouble; a busy server is asked until it is not."""
        rid = self._chance.randrange(1, 1 << 40)
        opening = self.target.request(b'{"rid":%d%b}' % (rid, self._wishes()))
        reply = None
        while reply is None or reply.status != OK:
            self._opened = trio.current_time()
            reply = await self._lines[0].exchange(opening, lambda: None)
            if reply is not None and reply.status != OK:
                self._refused(reply)
                await trio.sleep(PATIENCE)
        self._welcomed(msgspec.json.decode(reply.body, type=Welcome), rid)

    def _welcomed(self, welcome: Welcome, rid: int) -> None:
        """Begin with a session that was opened by the request of this id."""
        self._conversation = Conversation(welcome.sid, rid, welcome.requests)
        self.die = welcome.die
        self._lines += [self._new_line() for _ in range(1, min(MOST_LINES, welcome.requests))]

    async def run(self) -> None:
        """Be a page until cancelled, or until the session has ended."""
        self.calm = False
        await self._live()
        while self.orphaned:
            await self._begin_anew()
            await self._live()

    async def _begin_anew(self) -> None:
        """Open another session (rule 5)."""
        self.ledger.forsake()
        self._past.append(self.ledger)
        self.hang_up()
        self.ledger, self._lines = self._new_ledger(), self._lines[:1]
        self._recovery = Recovery(self.ledger, self._shared.replays)
        self._name, self._shouted = self._chance.randrange(1 << 40), 0
        await self.open()
        self.orphaned = False  # from here on it may be asked to send

    async def _live(self) -> None:
        self._quiet_since = trio.current_time()
        self._plan_blackout()
        async with trio.open_nursery() as nursery:
            self._end = nursery.cancel_scope  # `_refused` ends it
            for line in self._lines:
                line.plan_break()  # those that are open already were opened without
                nursery.start_soon(self._use, line)
            if self.habits.changes:
                nursery.start_soon(self._changing.run)

    def calm_down(self) -> None:
        """Make no more trouble and send nothing more."""
        self.calm = True
        self.blackout = math.inf
        self._away_until = -math.inf
        self._lingers = False
        self._work.unpark_all()

    async def close(self) -> None:
        """Close the session, once nothing is under way on the first line."""
        if self.ended is None:
            body = self._conversation.farewell().removesuffix(b"}") + self._says() + b"}"
            farewell = self.target.request(body)
            self._lines[0].close()
            with trio.move_on_after(FAREWELL):
                await self._lines[0].exchange(farewell, lambda: None)

    def hang_up(self) -> None:
        """Close all connections."""
        for line in self._lines:
            line.close()

    def _says(self) -> bytes:
        """Return what else each request says, as JSON after a comma."""
        return b""

    # -- what it sends ----------------------------------------------------------------------------

    def send(self) -> float:
        """Send one more packet, unless too many wait; returns when to send the next one."""
        if not self._conversation.full:
            message = [self.ledger.number(), self._padding]
            self._conversation.offer(msgspec.json.encode({"path": UP, "message": message}))
            self._work.unpark()
        if self.habits.shouts:
            self._shout()
        if self.habits.says and not self._conversation.full:
            self._say()
        return self.next_sending()

    def _shout(self) -> None:
        """Send everybody as much as there is room for."""
        while not self._conversation.full:
            self._say()

    def _say(self) -> None:
        self._shouted += 1
        message = [self._name, self._shouted, self._padding]
        self._conversation.offer(msgspec.json.encode({"path": ROOM, "message": message}))
        self.note("shouted")

    def next_sending(self) -> float:
        """Choose when to send the next packet."""
        return self.about(self.plan.every)

    async def _use(self, line: Line) -> None:
        while True:
            request = await self._next_request()
            body = self._conversation.body(request, self._says())
            socket = self._changing.socket
            if socket is None:
                reply = await line.exchange(self.target.request(body), self._written)
            else:
                reply = await socket.exchange(request.rid, body)
            if reply is not None and reply.status == OK:
                self._take(request.rid, reply)
                continue
            self._conversation.lost(request)
            self._work.unpark()
            if reply is not None:
                self._refused(reply)
                await trio.sleep(PATIENCE)

    async def _next_request(self) -> Request:
        while True:
            if self._away_until > trio.current_time():
                with trio.move_on_at(self._away_until):
                    await self._work.park()  # `calm_down` may call the absence off
                continue
            if self._lingers and self._may_leave():
                continue
            request = None if self._lingers else self._conversation.take()
            if request is not None:
                return request
            await self._work.park()

    def _written(self) -> None:
        now = trio.current_time()
        if now > self._quiet_since + self.die and self._conversation.unanswered == 1:
            self._overslept = True
        self._recovery.written(now)

    # -- what it gets -----------------------------------------------------------------------------

    def _take(self, rid: int, reply: Reply) -> None:
        self._quiet_since = trio.current_time()
        self._overslept = False
        answer = msgspec.json.decode(reply.body, type=Answer)
        new = self._new_of(rid, answer)
        if new:
            self._note(new)
        if not self.calm and self._chance.random() < self.habits.lingers:
            self._lingers = True
        if self._lingers:
            self._work.unpark_all()

    def _new_of(self, rid: int, answer: Answer) -> Sequence[Packet]:  # noqa: ARG002
        """Take the answer to the request of this id; returns the packets that are new."""
        return self._conversation.answered(answer.seq, answer.packets)

    def _note(self, packets: Sequence[Packet]) -> None:
        for packet in packets:
            self._note_one(packet)
        self._recovery.received(trio.current_time())

    def _note_one(self, packet: Packet) -> None:
        if packet.path == DOWN:
            self.ledger.answered(packet.message[0], packet.message[1])
        elif packet.path.startswith(BEAT):
            self.ledger.beat(*packet.message)
        elif packet.path == ROOM:
            self.ledger.shout(packet.message[0], packet.message[1])

    def _refused(self, reply: Reply) -> None:
        self.refused(read_refusal(reply.status, reply.body), reply.status)

    def refused(self, refusal: Refused, status: int) -> None:
        """Take an error."""
        self._shared.refusals[refusal.error] += 1
        if refusal.error in GONE:
            if self.ended is not None:
                return  # another carrier has been told already
            if self.orphaned or self._shared.deaths.took(self.sid, self._opened, trio.current_time()):
                self.orphaned = True
                self._end.cancel()
                return
            self.ended = OVERSLEPT if self._overslept else refusal.reason or refusal.error
            self._shared.ended[f"{self.habits.name}: {self.ended}"] += 1
            self._end.cancel()
        elif refusal.error not in PASSING and status < SERVER_ERRORS:
            hint = NO_ECHO if refusal.error == "forbidden" else ""
            self._shared.give_up(f"the server refuses ({status}): {refusal.error}, {refusal.detail}{hint}")

    # -- what is told of it -----------------------------------------------------------------------

    def up(self) -> Counts:
        """Return what is known of the way up, of all its sessions."""
        return total(ledger.up() for ledger in (*self._past, self.ledger))

    def down(self) -> Counts:
        """Return the same of the way down."""
        return total(ledger.down() for ledger in (*self._past, self.ledger))

    # -- streams (rule 6) ------------------------------------------------------------------------

    @property
    def sid(self) -> bytes:
        """The session's id."""
        return self._conversation.sid

    @property
    def ack(self) -> int:
        """The highest packet number that has come."""
        return self._conversation.ack

    @property
    def away(self) -> bool:
        """Whether it has no connection now."""
        return self._away_until > trio.current_time()

    def attach(self) -> bytes:
        """Have a stream from now on; returns the body that asks for it."""
        self._quiet_since = math.inf
        return self._conversation.attach()

    def detach(self) -> None:
        """Have requests held again."""
        self._quiet_since = trio.current_time()
        self._conversation.detach()
        self._work.unpark_all()

    def carried(self, body: StreamBody) -> None:
        """Take what a stream brings."""
        if body.error:
            self.refused(Refused(body.error, body.detail, body.reason), OK)
        elif body.is_beat:
            self._conversation.beat()
        elif body.packets is not None:
            self._note(self._conversation.carried(body.seq or 0, body.packets))
        self._work.unpark()

    # -- trouble, for its lines -------------------------------------------------------------------

    def about(self, seconds: float) -> float:
        """Choose a time about so many seconds from now; on a slow machine they are longer (`tempo.py`)."""
        return about(self._chance, trio.current_time(), self.stretched(seconds))

    def stretched(self, seconds: float) -> float:
        """Return how long so many seconds of the plan are now."""
        return seconds * self._shared.tempo.stretch

    def note(self, trouble: Trouble) -> None:
        """Take note of what was done to the server."""
        self._shared.troubles[trouble] += 1

    def lost_line(self) -> None:
        """Take note that a connection has broken, and a request with it if one was out."""
        self._quiet_since = trio.current_time()
        self._recovery.outage()

    def black_out(self) -> None:
        """Lose all connections at once, and be away for a while."""
        self.era += 1
        self._changing.cut()
        self._go_away(self._chance.uniform(*AWAY))
        self._plan_blackout()

    def _plan_blackout(self) -> None:
        if self.habits.cuts or self.habits.vanishes:
            times = BLACKOUTS if self.habits.cuts else 1
            self.blackout = self.about(times * self.plan.kill_every)

    def _may_leave(self) -> bool:
        """Whether the page that wants to linger may begin to (rule 3)."""
        if self._conversation.has_lost:
            self._lingers = False
        elif not self._conversation.unanswered:
            self._lingers = False
            self.note("late")
            self._go_away(self.die * self._chance.uniform(*LINGERING))
        return not self._lingers

    def _go_away(self, seconds: float) -> None:
        self._quiet_since = trio.current_time()
        self._recovery.outage()
        self._away_until = self._quiet_since + seconds
