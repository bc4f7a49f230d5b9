"""Firenze: browsers poll, each through an actor of its own that goes by the rules of `polling`.

`GET /` begins, `GET /ID/NUMBER` goes on: `{"updates": [{"path": …, "message": …}, …], "reconnectWith": "ID/NUMBER"}`.
An id that nobody has begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import trio

from cometary.actors import Actor
from cometary.doors.roots.polling import BUNDLE, DIE, HOLD, Polling, Times, Waiting
from cometary.doors.roots.thestral import NO_ID
from cometary.errors import ProtocolError
from cometary.packets.plain_values import plain_value

if TYPE_CHECKING:
    from cometary.doors.roots.dolores import Dolores
    from cometary.transport.http.exchange import Exchange

MOST: Final = 10_000
"""Clients at one time."""

END: Final = b"\r\n\r\n"
NUMBER_DIGITS: Final = 15

_encode = msgspec.json.Encoder(enc_hook=plain_value).encode


class Poll(NamedTuple):
    """A GET has come."""

    exchange: Exchange
    acknowledged: int


class Dropped(NamedTuple):
    """A GET can no longer be answered."""

    exchange: Exchange


class Update(NamedTuple):
    """There is a message."""

    path: str
    message: Any


class Expired(NamedTuple):
    """A time is over."""

    timer: str


class Centaur(Actor):
    """One browser; a Thestral."""

    def __init__(self, dolores: Dolores, times: Times) -> None:
        super().__init__()
        self.id = NO_ID
        self._dolores = dolores
        self._polling = Polling(self, times)
        self._timers = {name: self.timer(Expired(name)) for name in (HOLD, BUNDLE, DIE)}
        dolores.register(self)
        self._name = self.id

    def update(self, source: Any, path: str, data: Any) -> None:
        """Take a message, in a turn of its own."""
        del source
        self.actor_ref.tell(Update(path, data))

    def on_receive(self, message: Any) -> None:
        """Go by the rules."""
        now, polling = trio.current_time(), self._polling
        if isinstance(message, Update):
            polling.update(message.path, message.message, now)
        elif isinstance(message, Poll):
            polling.poll(message.exchange, message.acknowledged, now)
        elif isinstance(message, Dropped):
            polling.dropped(message.exchange)
        elif isinstance(message, Expired):
            polling.expired(message.timer, now)

    def on_stop(self) -> None:
        """Be gone."""
        for timer in self._timers.values():
            timer.close()
        self._dolores.unregister(self)

    # -- what is to be done; see `polling.Host` -------------------------------------------------

    def answer(self, parked: object, updates: Sequence[Waiting], number: int) -> None:
        """Answer a GET."""
        exchange: Any = parked
        told = [{"path": each.path, "message": each.message} for each in updates]
        body = _encode({"updates": told, "reconnectWith": f"{self._name}/{number}"})
        if not exchange.answered:
            exchange.respond(200, body + END)

    def start_timer(self, timer: str, seconds: float) -> None:
        """Start a timer."""
        self._timers[timer].start(seconds)

    def stop_timer(self, timer: str) -> None:
        """Stop it."""
        self._timers[timer].cancel()

    def gone(self) -> None:
        """End."""
        self.stop()


class FirenzeEndpoint:
    """Answers browsers.

    Args:
        dolores: knows the Thestrals.
        times: how long things take.
    """

    def __init__(self, dolores: Dolores, times: Times) -> None:
        self._dolores = dolores
        self._times = times

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`, now or later.

        Raises:
            ProtocolError: `method-not-allowed`, the client's fault; `too-many-sessions`, nobody's.
        """
        if exchange.method != "GET":
            raise ProtocolError("method-not-allowed", "Firenze takes GET.")
        *_, name, number = ["", *exchange.path.split("/")]
        centaur = self._dolores.find(name)
        if not isinstance(centaur, Centaur):
            centaur = self._dolores.find(number)  # a token without a number
            number = ""
        if not isinstance(centaur, Centaur):
            if len(self._dolores) >= MOST:
                raise ProtocolError("too-many-sessions", "There are too many clients.", retry_after=5)
            ref = Centaur.start(self._dolores, self._times)
        else:
            ref = centaur.actor_ref
        exchange.on_drop = partial(_drop, exchange, ref)
        exchange.release_request()
        ref.tell(Poll(exchange, int(number) if _is_number(number) else 0))


def _drop(exchange: Exchange, ref: Any) -> None:
    exchange.leave_unanswered()
    ref.tell(Dropped(exchange))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS
