"""One session after another: whatever becomes of a session, its client's program goes on.

1.  When the session is lost another takes its place, unless the server wants none.
2.  What had not reached the application when the session was lost goes on with the next one; of what may have, the
    program is told (`reopened`), and nothing is sent twice.
3.  A new session starts with no paths. Those that are wanted are asked for again: together, and if that is refused one
    by one, so that one path that is no longer allowed does not take the others with it. Then `reopened` is told, and
    what was missed on paths that somebody else has connected is asked for.
4.  Positions, and what is missed, are as in `cometary.client.positions`: a gap is told in its place among the packets.
    A pattern with stars of which the server tells no position is always a gap.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary.client.line import open_line
from cometary.client.positions import GAP, Positions
from cometary.client.questions import ANSWER, Questions, Said
from cometary.client.shapes import Refused, Reopened
from cometary.client.writing import packed, shown
from cometary.errors import AskError, MailboxFullError, ProtocolError, UsageError
from cometary.log import get_logger
from cometary.packets.patterns import Pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.client.bodies import Packet
    from cometary.client.delivery import Delivery
    from cometary.client.line import Line
    from cometary.client.way import Way

TOKEN: Final = "::token"  # noqa: S105 - a path

FINAL: Final = frozenset({"closed", "kicked"})
LOST: Final = frozenset({"session-ended", "unknown-session", "bad-ack", "rid-out-of-window"})
"""Conditions under which another session is opened, unless the reason is one of `FINAL`."""

logger = get_logger("cometary.client")


class Upkeep:
    """The sessions of one client.

    Args:
        delivery: what comes goes there.
        token: returns what the server's authenticator is given, or a promise of it.
        resume: whether sessions are to outlive the process that has them.
        stream: whether streams are to carry what comes.

    Attributes:
        wanted: the paths that are asked for in each session.
    """

    def __init__(
        self,
        delivery: Delivery,
        token: Callable[[], object] | None,
        *,
        resume: bool = False,
        stream: bool = False,
    ) -> None:
        self._resume = resume
        self._stream = stream
        self.wanted: dict[str, None] = {}
        self._delivery = delivery
        self._token = token
        self._questions = Questions()
        self._positions = Positions()
        self._line: Line | None = None

    @property
    def line(self) -> Line:
        """The session.

        Raises:
            UsageError: there is no session; the caller's fault.
        """
        if self._line is None:
            raise UsageError("there is a session within `async with` only")
        return self._line

    async def open(self, way: Way) -> None:
        """Open a session, and try until there is one.

        Raises:
            ProtocolError: the server refuses, for good.
        """
        token = await self._new_token()
        self._line = await open_line(
            way, token, self._hear, self._are_refused, resume=self._resume, stream=self._stream
        )

    async def run(self, way: Way) -> ProtocolError:
        """Keep the session up, and others after it, until the server wants none (rule 1); returns why."""
        reason = ""
        uncertain: Sequence[bytes] = ()
        while True:
            async with trio.open_nursery() as nursery:
                if reason:
                    nursery.start_soon(self._restore, reason, uncertain)
                error = await self.line.run()
                nursery.cancel_scope.cancel()
            reason = str(error.members.get("reason") or error.condition)
            if error.condition not in LOST or reason in FINAL:
                self._questions.lost(())
                return error
            try:
                uncertain = await self._renew(way)
            except ProtocolError as refusal:
                self._questions.lost(())
                return refusal

    async def _renew(self, way: Way) -> Sequence[bytes]:
        """Open another session, which goes on with what has not left (rule 2); returns what is uncertain."""
        old = self.line
        self._questions.lost(old.left)
        await self.open(way)
        self._positions.renew()
        for packet in (*old.left, *old.drain()):  # and what was sent meanwhile
            self.line.send(packet)
        return old.uncertain

    async def _restore(self, reason: str, uncertain: Sequence[bytes]) -> None:
        """Have a new session hear what the old one did (rule 3)."""
        missing: list[str] = []
        paths = [*self.wanted]
        try:
            await self.ask_for(paths)
        except AskError as error:
            refused = error.fault == "client"
            missing = [path for path in paths if not (refused and await self._regain(path))]
        for path in paths:
            known = Pattern.compile(path).exact or self._positions.knows(path)
            if path not in missing and not known:
                await self._delivery.put("gap", path)  # of paths that were never heard nobody knows (rule 4)
        detail = Reopened(reason, missing, [shown(packet) for packet in uncertain])
        await self._delivery.put("reopened", detail)
        for path, at in self._positions.open.items():
            try:
                await self.ask("::replay", {"since": {path: at}})
            except AskError:
                self._positions.miss(path)
                await self._delivery.put("gap", path)

    async def _regain(self, path: str) -> bool:
        """Ask for one path; one that is refused is wanted no more (rule 3)."""
        try:
            await self.ask_for([path])
        except AskError as error:
            if error.fault == "client":
                self.wanted.pop(path, None)
            return False
        return True

    # -- what is said -------------------------------------------------------------------------

    def send(self, packet: bytes) -> None:
        """Send a packet.

        Raises:
            MailboxFullError: too much waits already.
            UsageError: there is no session.
        """
        if self.line.full:
            raise MailboxFullError("too much waits for the network already")
        self.line.send(packet)

    def answer(self, ask: str, how: dict[str, Any]) -> None:
        """Answer a question of the server's."""
        try:
            packet = packed(ANSWER, {"ask": ask, **how})
        except (TypeError, ValueError, UsageError) as error:
            packet = packed(ANSWER, {"ask": ask, "error": "failed", "detail": type(error).__name__})
        self.line.send(packet)  # room or not: the server asks only so much at a time

    async def ask(self, path: str, message: object, timeout: float = 30) -> Any:  # noqa: ASYNC109
        """See `Comet.ask`."""
        question = self._questions.begin()
        try:
            question.packet = packed(path, message, ask=question.ask)
            self.send(question.packet)
            return await question.answer(timeout)
        finally:
            self._questions.end(question)

    async def ask_for(self, paths: Sequence[str]) -> None:
        """Ask for paths, and for what was missed there.

        Raises:
            AskError: they are not granted, or the outcome is unknown.
        """
        if not paths:
            return
        missed = self._positions.ask(paths)
        wish = {"paths": paths, "since": missed} if missed else {"paths": paths}
        try:
            await self.ask("::connect", wish)
        except AskError as error:
            self._positions.leave(paths)
            if error.fault == "client":
                for path in missed:
                    self._positions.miss(path)  # whoever hears of the refusal knows
            raise

    async def _new_token(self) -> object:
        token = self._token() if self._token else None
        return await token if inspect.isawaitable(token) else token

    # -- what comes ---------------------------------------------------------------------------

    async def _hear(self, packets: Sequence[Packet]) -> None:
        for packet in packets:
            if packet.path == ANSWER:
                self._questions.answered(packet.message)
            elif packet.path == TOKEN:
                if self._token is not None:
                    self.line.renew(await self._new_token())
            elif self._positions.take(packet):
                await self._delivery.put(packet)
            elif packet.path == GAP:
                await self._delivery.put("gap", packet.message["path"])

    async def _are_refused(self, packets: Sequence[bytes], error: ProtocolError) -> None:
        self._questions.refused(packets, Said(error=error.condition, detail=error.detail))
        if not self._delivery.hears("refused"):
            logger.warning(
                "packets refused", text=f"the server refuses packets: {error}", packets=len(packets)
            )
        detail = Refused(error.condition, error.detail, [shown(packet) for packet in packets])
        await self._delivery.put("refused", detail)
