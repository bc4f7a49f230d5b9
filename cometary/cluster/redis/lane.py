"""The lane: one pipelined connection for frequent calls, which are answered in order.

1.  What is called for in one turn of the scheduler goes out in one write.
2.  A call stays until it is answered. When the connection breaks, or the server says that it cannot do it now (it is
    loading its data, is a replica, has no memory, has lost the functions), all that is not answered is sent again, in
    order, on the next connection. So every call may be made twice.
3.  The callers limit how much waits: a session has at most one change under way, and a caller that no longer waits
    has withdrawn its call, which is not sent again. If it was ever written, though, it may have been done: then it is
    undone, if the caller has said how.
4.  When the engine goes away, that is logged once, with the reason; so is its return.
5.  If replicas are to hold what was done, no reply counts until they do (`cometary.cluster.redis.replicas`).
6.  In a cluster, a server may say that another one has what a call is about: the call goes there, and the connection
    stays.
7.  A refusal that no repeat would change concerns one call, which has failed: those behind it go on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from cometary.cluster.redis.asking import Asking, Call, Withdrawals
from cometary.cluster.redis.call_times import CallTimes
from cometary.cluster.redis.replicas import Confirmations
from cometary.cluster.redis.wire import Refusal, Reply, ReplyReader
from cometary.errors import EngineError
from cometary.log import get_logger

logger = get_logger("cometary.cluster")

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 1.0
"""Seconds between two attempts to connect."""

READ: Final = 65_536

ADVICE: Final = {
    "OOM": "is out of memory: raise its maxmemory, or let it have fewer sessions",
    "READONLY": "is a replica: it accepts no writes",
    "LOADING": "is loading its data",
    "MISCONF": "cannot write its data to its disk, and takes no more",
    "NOPERM": "does not let this user do what is needed",
    "NOREPLICAS": "has too few replicas that keep up: engine-replicas says how many must hold what is recorded",
    "CLUSTERDOWN": "is part of a Redis Cluster that is partly down",
}
"""What to say of refusals."""


class Lane(Asking):
    """The connection.

    Args:
        name: what the engine is called in the log.
        connect: makes a connection that is ready for calls; raises `OSError` or `EngineError` if it cannot.
        away: told whenever there is no longer a connection, or none could be made.
        replicas: how many must hold what was done before it counts as done.
        elsewhere: given a call and its refusal, sees to it that the call is done elsewhere; returns whether it is.
        settled: given a call that is done, or never will be, before its caller is told of it.
        times: counts how long calls take.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Awaitable[trio.abc.Stream]],
        away: Callable[[], object] = lambda: None,
        *,
        replicas: int = 0,
        elsewhere: Callable[[Call, Refusal], bool] = lambda _call, _refusal: False,
        settled: Callable[[Call], object] = lambda _: None,
        times: CallTimes | None = None,
    ) -> None:
        self._name = name
        self._connect = connect
        self._away = away
        self._replicas = replicas
        self._elsewhere = elsewhere
        self._settled = settled
        self._times = times or CallTimes()
        self._calls: deque[Call] = deque()
        self._withdrawals = Withdrawals()
        self._written = 0  # how many of these were written on this connection
        self._connection: trio.CancelScope | None = None
        self._called = trio.Event()
        self._trouble: str | None = None
        self.up = False

    def put(self, call: Call) -> None:
        """Have a call made."""
        self._calls.append(call)
        self._called.set()

    def take_all(self) -> list[Call]:
        """Return all calls that have no answer, which are somebody else's now."""
        self._let_go_of_withdrawn()
        calls, self._calls = [*self._calls], deque()
        self._written = 0
        return calls

    def note_withdrawn(self, count: int) -> None:
        """Take note that nobody waits for some calls; on a connection, what was written is answered in its order."""
        if not self.up and self._withdrawals.worth_it(count, len(self._calls)):
            self._let_go_of_withdrawn()

    def _let_go_of_withdrawn(self) -> None:
        calls, self._calls = self._calls, deque[Call]()
        withdrawn = list[Call]()
        for call in calls:
            (withdrawn if call.withdrawn else self._calls).append(call)
        for call in withdrawn:
            self._settled(call)

    def drop(self, why: str = "does not answer") -> None:
        """Let go of the connection: nothing comes on it any more, or it is to the wrong server."""
        if self._connection is not None:
            self._log_away(f"the engine at {self._name} {why}")
            self._connection.cancel()

    async def run(self) -> None:
        """Keep the connection, and use it, until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                stream = await self._connect()
                pause = await self._use(stream, pause)
            except (OSError, EngineError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
                self._log_away(str(error))
            self._let_go_of_withdrawn()
            self._away()
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _use(self, stream: trio.abc.Stream, pause: float) -> float:
        """Use a connection until it breaks; returns how long to pause then."""
        self._written = 0  # here: what was the last one's may have ended by a crash
        confirmations = Confirmations(self._replicas) if self._replicas else None
        self._times.forget()
        self._let_go_of_withdrawn()
        self._called.set()
        self.up = True
        async with stream, trio.open_nursery() as nursery:
            self._connection = nursery.cancel_scope
            nursery.start_soon(self._write, stream, nursery.cancel_scope, confirmations)
            try:
                if await self._read(stream, confirmations):
                    pause = FIRST_PAUSE
            finally:
                self.up = False
                nursery.cancel_scope.cancel()
        return pause

    async def _write(
        self, stream: trio.abc.Stream, scope: trio.CancelScope, confirmations: Confirmations | None
    ) -> None:
        try:
            while True:
                await self._called.wait()
                self._called = trio.Event()
                calls = [self._calls[place] for place in range(self._written, len(self._calls))]
                self._written += len(calls)
                for call in calls:
                    call.written = True
                if calls:
                    commands = [call.command for call in calls]
                    if confirmations is not None:
                        confirmations.sent(len(calls))
                        commands.append(confirmations.request)
                    self._times.written(calls[-1])
                    await stream.send_all(b"".join(commands))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            scope.cancel()

    async def _read(self, stream: trio.abc.Stream, confirmations: Confirmations | None) -> bool:
        """Hand replies over until there are no more; returns whether there was one."""
        reader, any_reply = ReplyReader(), False
        try:
            while data := await stream.receive_some(READ):
                for reply in reader.feed(bytes(data)):
                    for counted in (reply,) if confirmations is None else confirmations.take(reply):
                        trouble = self._take(counted)
                        if trouble is not None:
                            self._log_away(f"the engine at {self._name} {trouble}")
                            return any_reply
                        any_reply = True
            self._log_away(f"the engine at {self._name} has closed the connection")
        except trio.BrokenResourceError as error:
            self._log_away(f"the engine at {self._name} has gone: {error.__cause__ or error}")
        except EngineError as error:
            self._log_away(str(error))
        return any_reply

    def _take(self, reply: Reply) -> str | None:
        """Take the reply to the oldest call; returns what is wrong with the engine, if anything is."""
        if not self._written:
            return advice(reply) if isinstance(reply, Refusal) else "answers something it was not asked"
        call = self._calls[0]
        refusal = reply if isinstance(reply, Refusal) else None
        moved = refusal is not None and self._elsewhere(call, refusal)
        if refusal is not None and not moved and not refusal.lasts:
            return advice(refusal)
        self._calls.popleft()
        self._written -= 1
        if not moved:
            self._settled(call)
        if refusal is None:
            self._times.answered(call)
            self._log_back()
            call.answered(reply)
        elif not moved:
            self._refuse(call, refusal)
        return None

    def _refuse(self, call: Call, refusal: Refusal) -> None:
        """Let a call fail that never can be done (rule 7)."""
        text = f"the engine at {self._name} {advice(refusal)}"
        logger.error("engine refuses", text=text, engine=self._name)
        call.refused(EngineError(text))

    def _log_away(self, text: str) -> None:
        if text != self._trouble:
            self._trouble = text
            logger.warning("engine away", text=text, engine=self._name, waiting=len(self._calls))

    def _log_back(self) -> None:
        if self._trouble is not None:
            self._trouble = None
            logger.info("engine back", text=f"the engine at {self._name} is back", engine=self._name)


def advice(refusal: Refusal) -> str:
    """Return what to say of a refusal."""
    return ADVICE.get(refusal.text.partition(" ")[0], f"refuses what it was sent: {refusal.text}")
