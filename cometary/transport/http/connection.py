"""One HTTP connection: bytes in, exchanges to the service, responses out in order.

1. A connection is always watched for reading while it may be read, even a parked one: end of file is how a held
   request's peer says that it has gone.
2. A reset or a deadline closes it at once; `Exchange.drop` tells what was to answer.
3. End of file only means that the peer says no more: a browser that has gone looks the same as a program that has
   sent its last request and reads on. So every complete request before it is served, and answers go out; but nothing
   is held any longer: what holds a request, or is given one now, is told at once that it is dropped
   (`Exchange.let_go`), and is waited for `Limits.linger_seconds` at most. A request that is left unanswered ends the
   connection.
4. Responses go out in the order of the requests; one that is ready early waits in its exchange.
5. At most `Limits.unanswered` requests are with the service at a time. What else came with the same read waits,
   parsed, in `_waiting`, and until that is empty the connection is not read. So the last request, be it one that
   closes the connection or a malformed one, is served, and the connection `ENDING`, only when all before it have been.
6. The answer is sent by whoever gives it, in one call; what the kernel does not take stays
   (`BufferedChannel`) until it does. While there is any, no further response begins.
7. After the last response the sending side is shut, and what the peer still sends is thrown away for a while: closing
   at once would reset the connection, and with it the response on its way.
8. Nothing is parsed or served from within an answer: the answering actor is in the middle of its
   own turn. What an answer makes possible is left to `writable`, on the switchboard's.
9. A body that waits to be asked for (`Expect`) is asked for once everything before it is answered.
10. The deadline is that of what is waited for now; there is none while only the service is.
    A body that still comes, and a response that is still taken, at a fair pace get another period.
11. A response that is written bit by bit (`Stream`) has its turn, once that has come, until its end. `writable` also
    tells it that it may go on.
12. What comes behind a request to upgrade is kept (`_beyond`), one read of it at most, and none is parsed until all
    answers are sent: then it is HTTP after all, or has gone to the connection's successor, with what waits.
13. Nothing is served behind a request with a successor, and only the rest of one that has come in part is read: it
    goes along with what waits, unless as many as `Limits.unanswered` do.
"""

from __future__ import annotations

import socket
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from cometary.transport.http.connection_state import CLOSED, ENDING, LINGERING, OPEN
from cometary.transport.http.exchange import has_length, written
from cometary.transport.http.reading import receive
from cometary.transport.http.request_parser import HEAD
from cometary.transport.http.response_channel import ResponseChannel
from cometary.transport.http.responses import CONTINUE
from cometary.transport.net.buffered import keep_little_unsent
from cometary.transport.net.poller import PEER_SHUT

if TYPE_CHECKING:
    from cometary.transport.http.exchange import Exchange, Headers
    from cometary.transport.http.head_memory import KnownHead
    from cometary.transport.http.protocol import Http
    from cometary.transport.http.request_parser import RequestParser
    from cometary.transport.http.stream import Stream
    from cometary.transport.net.channel import Channel, Floor, Successor
    from cometary.transport.net.deadlines import DeadlineQueue


class Connection(ResponseChannel):
    """A connected, non-blocking socket, and what is under way on it.

    Args:
        sock: The socket; the connection closes it.
        peer: The address of its other end, for exchanges to tell.
        http: What it shares with other connections.
        floor: What watches the socket.

    Attributes:
        http: The same.
    """

    __slots__ = ("_beyond", "_head", "_parser", "_peer", "_state", "_unanswered", "_waiting", "http")

    def __init__(self, sock: socket.socket, peer: str, http: Http, floor: Floor) -> None:
        super().__init__(sock, floor)
        self._peer = peer
        self.http = http
        self._state = OPEN
        self._head: KnownHead | None = None
        self._parser: RequestParser | None = None
        self._unanswered: list[Exchange] = []
        self._waiting: deque[Exchange] | None = None
        self._beyond: bytes | None = None
        self._expect(http.head)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way: no request, be it incomplete, and no response."""
        busy = self._unanswered or self._waiting or self._parser or self._unsent
        return self._state is OPEN and not busy and self._beyond is None

    # What the switchboard calls.

    def readable(self, bits: int) -> None:
        """Read once, since there is something to read, if only the end.

        Args:
            bits: What the poller has reported.
        """
        if not self._reading:  # nobody asked, so it is a hang-up
            return self._half_close() if bits == PEER_SHUT else self.close()
        try:
            most = self._floor.read_bytes
            if most > self.http.read_bytes:  # noqa: PLR1730 - min() takes three times as long
                most = self.http.read_bytes
            data = receive(self.sock, most, self._head)
        except BlockingIOError:
            return None
        except OSError:
            return self.close()
        self._floor.traffic.received += len(data)
        if not data:
            self._end_of_file()
        elif self._state is OPEN:
            if self._half_closed:
                self._parse_afresh(data, learn=False)
            else:
                self._parse(data)
        elif self._state is ENDING:
            self._watch(reading=False, writing=self._writing)
        return None

    def writable(self) -> None:
        """Go on where an answer had to leave off: send the rest, serve what waits."""
        self._send_rest()
        self._send_answers()
        if self._unanswered and self._unsent is None:
            self._go_on_with(self._unanswered[0])
        elif self._beyond is not None and self._all_is_sent():
            data, self._beyond = self._beyond, None
            self._parse_afresh(data, learn=False)
        self._serve_waiting()
        self._settle()

    def _go_on_with(self, exchange: Exchange) -> None:
        if exchange.successor is not None and not self._completes():
            self._hand_over(exchange, exchange.successor)
        elif exchange.streaming is not None and exchange.streaming.full:
            exchange.streaming.go_on()

    def _hand_over(self, exchange: Exchange, successor: Successor) -> None:
        if exchange.upload is None and (self._parser is not None or len(self._unanswered) > 1):
            return self.close()  # these have begun here, or cannot be waited for: their clients ask again
        unserved = b"".join([written(each) for each in self._waiting or ()])
        channel = successor(self.sock, self._peer, self._floor, unserved + (self._beyond or b""))
        self._state = CLOSED
        self._expect(None)
        self._unanswered.clear()
        self._parser = self._waiting = self._beyond = exchange.on_drop = None  # an upload has the parser
        exchange.drop()
        return self._floor.replace(self, channel)

    def expire(self) -> None:
        """Close, since the time is up; unless what is waited for gets on."""
        http, deadline = self.http, self._deadline
        limits = http.limits
        moves = deadline is http.body or deadline is http.write
        slowest, longest = limits.bytes_per_second, limits.longest_seconds
        if not (moves and self._gets_on(slowest=slowest, longest=longest)):
            self.close()

    def close(self) -> None:
        """Close at once, and drop what has not been answered."""
        if self._state is CLOSED:
            return
        self._state = CLOSED
        self._expect(None)
        self._floor.forget(self)
        self.sock.close()
        self._leave_parser()
        self._waiting = self._unsent = self._beyond = None
        self._drop_unanswered()

    def _end_of_file(self) -> None:
        if self._state is LINGERING or not (self._unanswered or self._unsent):
            return self.close()
        self._state = ENDING
        self._leave_parser()
        return self._half_close()

    def _half_close(self) -> None:
        """Take note that the peer says no more, though what it has said may not all be read yet."""
        self._half_closed = True
        self._reading = False  # now, and until all that waits is served if some of it is unread
        self._floor.watch(self, reading=False, writing=self._writing, ended=True)
        for exchange in self._unanswered:
            exchange.let_go()
        self._send_answers()
        self._settle()

    def _leave_parser(self) -> None:
        parser, self._parser = self._parser, None
        if parser is not None:
            self.http.parsers.take_back(parser)

    def _drop_unanswered(self) -> None:
        unanswered, self._unanswered = self._unanswered, []
        for exchange in unanswered:
            exchange.drop()

    # From bytes to exchanges.

    def _parse(self, data: bytes) -> None:
        if self._parser is not None:
            self._parse_afresh(data, learn=False)
            return
        known = self._head
        if known is None or len(data) != known.request_bytes or not data.startswith(known.head):
            self._head = known = self.http.heads.recall(data)
            if known is None:
                self._parse_afresh(data, learn=True)
                return
        deadline = self._deadline
        if deadline is not None and self._unsent is None:  # as in `_expect`, without a call
            if deadline is self.http.idle:
                self.idle_until = 0.0  # as `discard` does
            else:
                deadline.discard(self)
            self._deadline = None
        if not self._unanswered or self._has_room():
            self._serve(known.exchange(data))
        else:
            self._waiting = deque([known.exchange(data)])
            self._watch(reading=False, writing=self._writing)

    def _parse_afresh(self, data: bytes, *, learn: bool) -> None:
        self._floor.count_parsed(len(data))
        parsers = self.http.parsers
        parser = self._parser or parsers.shared
        if self._unsent is None:  # else responses are what is waited for
            self._moved += len(data)
        try:
            exchanges = parser.feed(data)
        finally:  # even one that failed must not stay with the others
            self._parser = parsers.keeps(parser)
            self._beyond, parser.beyond = parser.beyond, None
        if learn and len(exchanges) == 1 and self._parser is None and exchanges[0].upload is None:
            self.http.heads.learn(data, exchanges[0])
        if exchanges and self._unsent is None:
            self._expect(None)
        if exchanges:
            self._waiting = deque([*(self._waiting or ()), *exchanges])
            self._serve_waiting()
        if self._parser is not None or len(exchanges) > 1 or self._waiting or self._beyond is not None:
            self._settle()  # for the last request: the answer to the one before it has settled for idleness

    def _has_room(self) -> bool:
        return len(self._unanswered) < self.http.unanswered and not self._departs()

    def _departs(self) -> bool:
        """Whether a successor goes on with the connection after one of these requests."""
        return any(exchange.successor is not None for exchange in self._unanswered)

    def _completes(self) -> bool:
        """Whether the rest of a request that has come in part is read before the successor goes on (rule 13)."""
        parser, waiting = self._parser, len(self._waiting or ())
        if parser is None or parser.awaits_continue or self._half_closed or self._beyond is not None:
            return False
        return waiting < self.http.unanswered

    def _serve_waiting(self) -> None:
        """Serve what waits as far as there is room, and the connection's last request as such."""
        while self._waiting and self._has_room():
            exchange = self._waiting.popleft()
            if exchange.closing:
                self._state = ENDING
            self._serve(exchange)
            if self._half_closed:
                exchange.let_go()

    def _serve(self, exchange: Exchange) -> None:
        self._unanswered.append(exchange)
        service, peer = self.http.service, self._peer
        exchange.arrive(self, peer if service.proxies is None else service.client_of(exchange, peer))
        service.serve(exchange)

    # From answers to bytes.

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        """Send the response of `exchange` when its turn has come (`Carrier`)."""
        http, floor = self.http, self._floor
        if floor.draining:
            self._end_if_last(exchange)
        if http.service.access is not None:
            http.service.note_answer(exchange, status)
        response = http.encoder.encode(
            status, body, content_type, headers, head_only=exchange.method == "HEAD", closing=exchange.closing
        )
        under_way = self._parser or self._waiting or self._writing or self._unsent or self._beyond is not None
        if self._state is OPEN and len(self._unanswered) == 1 and not (under_way or exchange.closing):
            self._unanswered.clear()
            self._send(response)
            if self._unsent is None and self._state is OPEN and self._deadline is None:
                self._deadline = idle = http.idle
                if not self.idle_second:
                    return idle.add(self, floor.now)
                self.idle_until = floor.now + idle.duration  # as that does, without a call
                return None
        else:
            exchange.response = response
            self._send_answers()
        self._settle()
        return None

    def begin(self, exchange: Exchange, status: int, content_type: bytes, headers: Headers) -> bytes:
        """Return the head of a response that is written bit by bit (`Carrier`)."""
        if self._floor.draining:
            self._end_if_last(exchange)
        self.http.service.note_answer(exchange, status)
        keep_little_unsent(self.sock)
        chunked, closing = exchange.version == "1.1" and not has_length(headers), exchange.closing
        return self.http.encoder.begin(status, content_type, headers, chunked=chunked, closing=closing)

    def push(self, exchange: Exchange, stream: Stream) -> bool:
        """Send what is pending of `stream` if its turn has come; returns whether it takes more (`Carrier`)."""
        if self._unanswered[0] is not exchange or self._unsent is not None:
            return False
        data, stream.pending = stream.pending, b""
        self._send(data)
        if self._left() or self._state is CLOSED:
            self._settle()
            return False
        return True

    def conclude(self, exchange: Exchange) -> None:
        """Go on: a stream has its end, or the connection its successor (`Carrier`)."""
        if self._floor.draining and exchange.successor is None:
            self._end_if_last(exchange)
        self._send_answers()
        self._settle()

    def _end_if_last(self, exchange: Exchange) -> None:
        """When the server stops, let the response of `exchange` be the connection's last if it can be."""
        if exchange is self._unanswered[-1] and not self._waiting:
            exchange.closing = True
            self._state = ENDING  # now: it may have to wait for others, and none may come behind it
            self._beyond = None
            self._leave_parser()

    def _send_answers(self) -> None:
        unanswered = self._unanswered
        while unanswered and self._unsent is None and (response := unanswered[0].response) is not None:
            if unanswered.pop(0).closing:
                self._state = ENDING
                self._waiting = self._beyond = None
                self._drop_unanswered()
                unanswered = self._unanswered
            if response:  # else the request is left unanswered, or all of it was sent
                self._send(response)
        stream = unanswered[0].streaming if unanswered else None
        if stream is not None and stream.pending and self._unsent is None:
            data, stream.pending = stream.pending, b""
            self._send(data)

    # What comes next.

    def _settle(self) -> None:
        """Watch for, and set a deadline on, what is to happen next."""
        parser = self._parser
        if parser is not None and parser.awaits_continue and self._all_is_sent():
            parser.invited = True
            self._send(CONTINUE)
        if self._state is CLOSED:
            return
        if self._state is ENDING and self._all_is_sent():
            self._linger()
        else:
            blocked, departs = self._needs_turn(), self._departs()
            if blocked or departs or self._waiting or self._writing or self._beyond is not None:
                ended = self._half_closed and self._state is ENDING
                unread = self._waiting or self._beyond is not None or ended
                self._watch(reading=self._completes() if departs else not unread, writing=blocked)
        self._expect(self._due())

    def _needs_turn(self) -> bool:
        """Whether there is something to do for `writable`."""
        if self._unsent is not None:
            return True
        if self._unanswered:
            first = self._unanswered[0]
            if first.successor is not None:
                return not self._completes()
            if first.streaming is not None and first.streaming.full:
                return True
        elif self._beyond is not None:
            return True
        return bool(self._waiting) and self._has_room()

    def _all_is_sent(self) -> bool:
        return not self._unanswered and not self._waiting and self._unsent is None

    def _linger(self) -> None:
        self._state = LINGERING
        self._watch(reading=True, writing=False)
        with suppress(OSError):  # the peer has closed already: that is read next
            self.sock.shutdown(socket.SHUT_WR)

    def _due(self) -> DeadlineQueue[Channel] | None:
        http = self.http
        if self._unsent is not None:
            return http.write
        if self._state is LINGERING or self._half_closed:
            return http.linger
        parser = self._parser
        if (self._waiting or self._beyond is not None) and not (parser is not None and self._reading):
            return None  # it is not read, and cannot help it
        if parser is not None and not parser.awaits_continue:
            return http.head if parser.phase is HEAD else http.body
        return None if self._unanswered else http.idle
