"""The manager of sessions: opens them under their supervisor, finds them, ends them all.

It is not an actor: it only hands over to actors. Everything here runs on the loop's thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from cometary.errors import CometaryError, ProtocolError
from cometary.sessions.actor import SessionActor
from cometary.sessions.directory import Directory
from cometary.sessions.events import End
from cometary.sessions.ids import new_name, new_sid
from cometary.sessions.keeper import SessionKeeper
from cometary.sessions.machine import SessionMachine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cometary.actors import ActorRef, Exit
    from cometary.sessions.application import Application, Router
    from cometary.sessions.settings import SessionSettings
    from cometary.supervision import DynamicSupervisor


class SessionManager:
    """All sessions of one server.

    Args:
        settings: times and limits.
        application: whom sessions report to.
        router: who sends them updates.
    """

    def __init__(self, settings: SessionSettings, application: Application, router: Router) -> None:
        self.settings = settings
        self.application = application
        self.directory = Directory(remember=settings.die, now=trio.current_time)
        self.shutting_down = False
        self._router = router
        self._supervisor: DynamicSupervisor | None = None

    def attach(self, supervisor: DynamicSupervisor) -> None:
        """Let `supervisor` run the sessions from now on.

        Sessions that ran under one before it have died with it, and end as `failed`.
        """
        self._supervisor = supervisor
        for keeper in self.directory:
            self._fail(keeper)

    # -- opening and finding ----------------------------------------------------------------

    def open(self, first_rid: int, wait: float | None = None) -> SessionKeeper:
        """Open a session.

        Args:
            first_rid: the id of the request that opens it.
            wait: seconds that the client wants its requests held at most.

        Raises:
            ProtocolError: `too-many-sessions` or `shutting-down`; nobody's fault, try later.
        """
        if self.shutting_down or self._supervisor is None:
            raise ProtocolError("shutting-down", "the server is stopping", retry_after=RETRY_AFTER)
        if len(self.directory) >= self.settings.max_sessions:
            detail = "the server has as many sessions as it may have"
            raise ProtocolError("too-many-sessions", detail, retry_after=RETRY_AFTER)
        machine = SessionMachine(self.settings, first_rid, wait)
        keeper = SessionKeeper(new_sid(), new_name(), machine, trio.current_time())
        keeper.ref = self._supervisor.start_child(SessionActor, keeper, self)
        self.directory.add(keeper)
        return keeper

    def find(self, sid: str) -> SessionKeeper:
        """Return the session with the id `sid`.

        Raises:
            ProtocolError: `session-ended` or `unknown-session`; the caller's fault.
        """
        return self.directory.find(sid)

    # -- paths ------------------------------------------------------------------------------

    def connect(self, keeper: SessionKeeper, patterns: Iterable[str]) -> None:
        """Let the session have every update to the paths that `patterns` cover.

        Raises:
            PatternError: if one of them is no pattern; the caller's fault, nothing has changed.
        """
        if keeper.ended is not None:
            return
        before = set(self._router.patterns(keeper.ref))
        try:
            for pattern in patterns:
                self._router.subscribe(pattern, keeper.ref)
        except CometaryError:
            self.disconnect(keeper, set(self._router.patterns(keeper.ref)) - before)
            raise

    def disconnect(self, keeper: SessionKeeper, patterns: Iterable[str]) -> None:
        """Let the session have no more of them."""
        for pattern in patterns:
            self._router.unsubscribe(pattern, keeper.ref)

    def paths(self, keeper: SessionKeeper) -> list[str]:
        """Return what the session is connected to."""
        return list(self._router.patterns(keeper.ref))

    def describe(self) -> list[dict[str, Any]]:
        """Return what operators may see of every living session; no session ids."""
        now = trio.current_time()
        return [{**keeper.describe(now), "paths": self.paths(keeper)} for keeper in self.directory]

    # -- ending -----------------------------------------------------------------------------

    def ended(self, keeper: SessionKeeper, reason: str) -> None:
        """Take note that a session has ended."""
        self._router.drop(keeper.ref)
        self.directory.end(keeper, reason, trio.current_time())

    def gave_up(self, ref: ActorRef[Any], _exit: Exit) -> None:
        """End as `failed` a session whose actor has crashed too often.

        Its actor is dead for good; a last one, which has nothing else to do, tells the client
        and the application.
        """
        for keeper in self.directory:
            if keeper.ref is ref:
                self._fail(keeper)

    def _fail(self, keeper: SessionKeeper) -> None:
        if self._supervisor is None:
            return
        self._router.drop(keeper.ref)
        keeper.forget_unhandled()
        keeper.ref = self._supervisor.start_child(SessionActor, keeper, self)
        keeper.ref.tell(End("failed"))

    async def shut_down(self) -> None:
        """End every session with `shutdown`; returns when the last one has signed off."""
        self.shutting_down = True
        ends = [keeper.ref for keeper in self.directory]
        for ref in ends:
            ref.tell(End("shutdown"))
        for ref in ends:
            if ref.is_alive():
                await ref.stopped()


RETRY_AFTER = 5
"""Seconds after which a client that could not open a session is told to try again."""
