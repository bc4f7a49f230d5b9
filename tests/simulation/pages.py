"""A page: one client after the other, each with a session on two lines through hostile proxies.

1.  What it sends next, and what of an answer is new, `cometary.client.conversation` decides.
2.  A request that is not answered in time was lost: the page drops its connection, and sends it again.
3.  Pages go away now and then, with or without a word, and sometimes for so long that the session ends.
4.  A page whose session has ended, or that has closed it, opens the next one.
5.  Once calm it sends nothing new, and what is out comes home; so the books can be closed.
6.  Now and then it changes its wire: held requests, server-sent events, lines of JSON, a WebSocket. Half of the times
    it leaves the stream that it has before the next carrier is there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from cometary.client.conversation import Conversation, Request
from cometary.client.streams import READERS, StreamBody
from tests.simulation.accounts import Account
from tests.simulation.answers import Answer
from tests.simulation.line import SLACK, Line
from tests.simulation.proxies import FOR_SOCKETS, KINDS
from tests.simulation.proxy import Proxy
from tests.simulation.socket_line import SocketLine
from tests.simulation.sockets import Address
from tests.simulation.streams import StreamLine
from tests.simulation.world import World

OK: Final = 200
WEBSOCKET: Final = b"websocket"
LINES: Final = 2
PAUSE: Final = 0.5
"""Seconds until something that failed is tried again."""

ENDED: Final = frozenset({"session-ended", "unknown-session"})
PASSING: Final = frozenset({"too-many-requests", "shutting-down", "rid-out-of-window"})
"""Errors after which the same request is sent again."""

PATHS: Final = ("up/plain",) * 12 + ("up/slow",) * 3 + ("up/poison", "up/slow-poison")
"""Where packets go; see `application.py`."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What all pages do; seconds are averages.

    Attributes:
        wait: seconds that the server holds a request.
        send_every: seconds between two bursts of packets.
        leave_every: seconds after which a page goes away.
        away: seconds for which it does.
        change_every: seconds after which a page changes its wire.
    """

    wait: float
    send_every: float
    leave_every: float
    away: float = 10.0
    change_every: float = 60.0


class Page:
    """One page.

    Args:
        world: where it is.
        accounts: of all sessions, by session id.
        number: which page it is.
        habits: what it does.
        seed: what its troubles follow from.
    """

    def __init__(
        self, world: World, accounts: dict[str, Account], number: int, habits: Habits, seed: int
    ) -> None:
        self.world = world
        self.number = number
        self.habits = habits
        self.patience = habits.wait + SLACK
        self._accounts = accounts
        self._chance = Random(f"{seed}/{number}")  # noqa: S311 - to be repeated, not secret
        self._address: Address = (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 40_000)
        self._lines = [Line(self) for _ in range(LINES)]
        self._stream: StreamLine | SocketLine | None = None
        self._conversation: Conversation | None = None
        self._account: Account | None = None
        self._opening = Request(1, ())
        self._offered = 0
        self._last: dict[int, int] = {}
        self._farewell = Request(1 << 53, ())
        self._farewell_body = b""
        self._closing = False
        self._farewell_out = False
        self._away = False
        self.closed = False
        """Whether it has been told to come to its end, and has."""
        self._ends = False

    def begin(self) -> None:
        """Be a page from now on."""
        self._pump()
        self._later(self.habits.send_every, self._send)
        self._later(self.habits.leave_every, self._leave)
        self._later(self.habits.change_every, self._change_wire)

    def calm_down(self) -> None:
        """Send nothing new (rule 5)."""
        self._away = False
        self._pump()

    def end(self) -> None:
        """Close the session for good."""
        self._ends = True
        if self._conversation is None:
            self._over()
        else:
            self._close()

    def leave_for_good(self) -> None:
        """Close all connections, and never come back."""
        self.closed = True
        self._hang_up()

    @property
    def home(self) -> bool:
        """Whether everything it has sent was answered."""
        return self._account is not None and self._account.answered_for >= self._offered

    def new_proxy(self, line: Line | StreamLine) -> Proxy:
        """Return a connection for one of its lines, or a stream."""
        kind = Proxy if self.world.calm else self._chance.choice(KINDS)
        return kind(self.world, self._address, self._chance, line)

    def new_socket_proxy(self, line: SocketLine) -> Proxy:
        """Return a connection for a WebSocket."""
        kind = Proxy if self.world.calm else self._chance.choice(FOR_SOCKETS)
        return kind(self.world, self._address, self._chance, line)

    def _later(self, seconds: float, call: Any) -> None:
        self.world.agenda.after(self._chance.expovariate(1 / seconds), call)

    # -- what it does by itself --------------------------------------------------------------------

    def _send(self) -> None:
        if self.world.calm:
            return
        self._later(self.habits.send_every, self._send)
        conversation = self._conversation
        if conversation is None or self._closing:
            return
        for _ in range(self._chance.choice((1, 1, 1, 2, 5))):
            if not conversation.full:
                self._offered += 1
                path = self._chance.choice(PATHS)
                conversation.offer(b'{"path":"%b","message":%d}' % (path.encode(), self._offered))
        self._pump()

    def _leave(self) -> None:
        if self.world.calm:
            return
        self._later(self.habits.leave_every, self._leave)
        if self._chance.random() < 1 / 10:
            self._close()
            return
        self._away = True
        self._hang_up()
        self._later(self.habits.away, self._come_back)

    def _come_back(self) -> None:
        self._away = False
        self._pump()

    def _close(self) -> None:
        """Close the session: in the middle of whatever is under way."""
        if self._conversation is not None:
            self._closing = True
            self._pump()

    # -- streams (rule 6) --------------------------------------------------------------------------

    def _change_wire(self) -> None:
        if self.world.calm:
            return
        self._later(self.habits.change_every, self._change_wire)
        conversation = self._conversation
        if conversation is None or self._away or self._closing:
            return
        self.world.count("changes of wire")
        if self._stream is not None and self._chance.random() < 1 / 2:
            self._stream.hang_up()
        self._stream = None
        wire = self._chance.choice((None, WEBSOCKET, *READERS))
        if wire is None:
            conversation.detach()
        elif wire == WEBSOCKET:
            self._stream = SocketLine(self, conversation)
        else:
            self._stream = StreamLine(self, wire, conversation)
        self._pump()

    def carried(self, stream: StreamLine | SocketLine, body: StreamBody) -> None:
        """Take a body of a stream, be it one that is attached no more."""
        account, conversation = self._account, self._conversation
        if account is None or conversation is None or stream.conversation is not conversation:
            return
        if body.error:
            self.stream_refused(stream, {"error": body.error})
        elif body.packets is None:
            conversation.beat()
        else:
            for packet in conversation.carried(body.seq or 0, body.packets):
                account.receive(packet.path, packet.message)
        self._pump()

    def stream_refused(self, stream: StreamLine | SocketLine, body: dict[str, Any]) -> None:
        """Take the error that ends a stream, or comes in its stead."""
        error = body["error"]
        self.world.count(f"streams ended {error}")
        if stream.conversation is not self._conversation:
            return
        if error in ENDED:
            self._over()
        else:
            assert error in PASSING, body

    def stream_gone(self, stream: StreamLine | SocketLine) -> None:
        """Take note that a stream is no more."""
        if stream is self._stream:
            self._stream = None
            if self._conversation is not None:
                self._conversation.detach()
            self.world.agenda.after(self._chance.uniform(0, PAUSE), self._pump)

    # -- requests ----------------------------------------------------------------------------------

    def _pump(self) -> None:
        for line in self._lines:
            if self._away or self.closed:
                return
            if line.idle and not self._send_next(line):
                return

    def _send_next(self, line: Line) -> bool:
        conversation = self._conversation
        if conversation is None:
            if line is not self._lines[0]:
                return False
            line.send(self._opening, b'{"rid":1}')
            return True
        if self._closing and not conversation.has_lost:
            return self._send_farewell(line, conversation)
        request = conversation.take()
        if request is None:
            return False
        if request.packets:
            self._last[request.rid] = json.loads(request.packets[-1])["message"]
        socket = self._stream
        if isinstance(socket, SocketLine) and socket.attached:
            socket.request(request, conversation.body(request))
        else:
            line.send(request, conversation.body(request))
        return True

    def _send_farewell(self, line: Line, conversation: Conversation) -> bool:
        if self._farewell_out or conversation.unanswered >= LINES:
            return False
        self._farewell_out = True
        self._farewell_body = self._farewell_body or conversation.farewell()
        line.send(self._farewell, self._farewell_body)
        return True

    def answered(self, request: Request, answer: Answer) -> None:
        """Take an answer."""
        body = json.loads(answer.body)
        if answer.status != OK:
            self._refused(request, body)
        elif request is self._opening:
            self._opened(body)
        else:
            self._take(request, body)
        self._pump()

    def lost(self, request: Request) -> None:
        """Take note that there will be no answer on the connection of `request`."""
        if request is self._farewell:
            self._farewell_out = False
        elif request is not self._opening and self._conversation is not None:
            self._conversation.lost(request)
        self.world.agenda.after(self._chance.uniform(0, PAUSE), self._pump)

    def _opened(self, body: dict[str, Any]) -> None:
        sid = body["sid"]
        self._account = self._accounts[sid] if sid in self._accounts else Account(sid)
        self._accounts[sid] = self._account
        self._conversation = Conversation(sid, 1, body["requests"])
        self._offered = 0
        self._last.clear()

    def _take(self, request: Request, body: dict[str, Any]) -> None:
        account, conversation = self._account, self._conversation
        assert account is not None
        assert conversation is not None
        account.answered_for = max(account.answered_for, self._last.pop(request.rid, 0))
        for packet in conversation.answered(body.get("seq", 0), body["packets"]):
            account.receive(packet["path"], packet["message"])
        if request is self._farewell:
            self._over()

    def _refused(self, request: Request, body: dict[str, Any]) -> None:
        error = body["error"]
        self.world.count(f"answered {error}")
        if error in ENDED:
            self._over()
        else:
            assert error in PASSING, body
            self.lost(request)

    def _over(self) -> None:
        """Begin anew, after the session has ended."""
        self._conversation = self._account = None
        self._closing = self._farewell_out = False
        self._farewell_body = b""
        self._hang_up()
        self.closed = self._ends

    def _hang_up(self) -> None:
        for line in self._lines:
            line.hang_up()
        if self._stream is not None:
            self._stream.hang_up()
