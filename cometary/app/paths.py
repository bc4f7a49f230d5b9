"""What an application says of paths, and asks about them; a part of `App`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, TypeVar

from cometary.app.controls import Controls
from cometary.app.handlers import Handlers
from cometary.app.peers import PEER_PATH, Peers
from cometary.app.permissions import Permissions, withdraw
from cometary.declarations import check_handler, check_text
from cometary.dispatch.engine import no_server
from cometary.errors import UsageError
from cometary.packets.contract import make_contract
from cometary.packets.contract_table import Contracts
from cometary.packets.paths import check_own_path
from cometary.packets.patterns import Pattern
from cometary.packets.position import read_position
from cometary.packets.terms import check_count

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cometary.app.peers import PeerRule
    from cometary.app.permissions import Authorizer
    from cometary.dispatch.history import History
    from cometary.dispatch.hub import Hub
    from cometary.dispatch.members import Present
    from cometary.packets.contract import Key
    from cometary.sessions import Packet, Session

    Permission = TypeVar("Permission", bound=Authorizer)
    Rule = TypeVar("Rule", bound=PeerRule)


class Paths(Handlers):
    """The paths of an application, and its handlers.

    Attributes:
        contracts: what becomes of the packets to which paths.
    """

    def __init__(self) -> None:
        super().__init__()
        self.contracts = Contracts()
        self._hub: Hub | None = None
        self._permissions = Permissions()
        self.of_controls = Controls(self._permissions).handlers
        self._peers: Peers | None = None

    def path(
        self,
        pattern: str,
        *,
        when_full: str = "keep",
        limit: int | None = None,
        ttl: float | None = None,
        key: Key | None = None,
        history: int | None = None,
        history_ttl: float | None = None,
        history_bytes: int | None = None,
        presence: bool = False,
        durable: bool = False,
    ) -> None:
        """Declare what becomes of the packets to some paths if a session is too slow for them, or connects later.

        Args:
            pattern: which paths; of several declarations that cover a path the first one holds.
            when_full: `keep`, `conflate`, `drop_oldest`, `drop_newest` or `close`; see
                `cometary.packets.contract`.
            limit: the most packets with the same key that wait for a session, for the last three;
                100 by default.
            ttl: seconds that a packet waits unsent at most. By default a minute where packets may be dropped anyway,
                otherwise there is no limit.
            key: `key(path, message)` says what is conflated and counted together; by default
                each path by itself.
            history: how many of the latest updates to each path are kept for those who come later, or come back; None:
                none. See `cometary.dispatch.history`.
            history_ttl: for how many seconds at most; 300 by default.
            history_bytes: how many bytes of them at most; 1 MiB by default.
            presence: whether the server keeps track of who is connected to a path, and tells those who hear it.
            durable: whether each update is recorded for each session that can resume, before its client gets it. It
                cannot be combined with `when_full`, `ttl`, `key` or `history`, and needs a server that records
                sessions.

        Raises:
            PatternError: if it is not a pattern; the caller's fault, nothing has changed.
            UsageError: if the pattern has a contract already, a term makes no sense, or a server
                runs the application; the caller's fault, nothing has changed.
        """
        if self._hub is not None:
            raise UsageError("a server runs the application: its paths are declared before")
        if key is not None:
            check_handler("app.path(key=…)", key, "path", "message")
        contract = make_contract(
            when_full,
            limit=limit,
            ttl=ttl,
            key=key,
            history=history,
            history_ttl=history_ttl,
            history_bytes=history_bytes,
            presence=presence,
            durable=durable,
        )
        self.contracts.declare(pattern, contract)

    def peer(self, rule: Rule) -> Rule:
        """Let clients send one another messages, where `rule(session, name, path, message)` says so.

        It is asked about each message of the session's client to that of the session with the public name `name`, and
        returns True or False, or is async. There is one such rule.

        Raises:
            UsageError: if a server runs the application, there is a rule, or it cannot be called so; the caller's
                fault, nothing has changed.
        """
        if self._hub is not None or self._peers is not None:
            raise UsageError("@app.peer: there is one rule, which is declared before a server runs")
        check_handler("@app.peer", rule, "session", "name", "path", "message")
        self._peers = Peers(rule)
        self.of_controls[PEER_PATH] = self._peers.pass_on
        return rule

    def signed_on(self, session: Session) -> Awaitable[object] | None:
        """See `Handlers.signed_on`."""
        if self._peers is not None:
            self._peers.add(session)
        return super().signed_on(session)

    def resumed(self, session: Session) -> Awaitable[object] | None:
        """See `Handlers.resumed`."""
        if self._peers is not None:
            self._peers.add(session)
        return super().resumed(session)

    def signed_off(
        self, session: Session, reason: str, undelivered: Sequence[Packet]
    ) -> Awaitable[object] | None:
        """See `Handlers.signed_off`."""
        if self._peers is not None:
            self._peers.remove(session)
        return super().signed_off(session, reason, undelivered)

    def authorize(self, pattern: str, *, stars: bool = False) -> Callable[[Permission], Permission]:
        """Ask `authorizer(session, path)` whether a client may connect itself to a path; it returns True or False.

        Without one that covers the path, and without a token that names it, a client may not.

        Args:
            pattern: which paths; of several declarations that cover a path the first one holds.
            stars: whether it is asked about patterns as well, which a client may wish for in place of a path. If
                not, these are refused.

        Raises:
            PatternError: if it is not a pattern; the caller's fault.
            UsageError: if the authorizer cannot be called so; the caller's fault.
        """
        check_text("@app.authorize", pattern, '@app.authorize("PATTERN"), with the paths that it is for')
        Pattern.compile(pattern)

        def declare(authorizer: Permission) -> Permission:
            check_handler("@app.authorize", authorizer, "session", "path")
            self._permissions.declare(pattern, authorizer, stars=stars)
            return authorizer

        return declare

    async def reauthorize(self, session: Session) -> list[str]:
        """Ask again about the paths that a session is connected to, as far as there are authorizers for them.

        It is disconnected from those that it may no longer hear, and its client is told (`::refused`).

        Returns:
            These paths.

        Raises:
            UsageError: an authorizer returns neither True nor False; its author's fault.
        """
        refused = self._permissions.refused(session, list(filter(self._permissions.covers, session.paths)))
        if inspect.isawaitable(refused):
            refused = await refused
        withdraw(session, refused)
        return refused

    def presence(self, path: str, most: int = 100) -> Present:
        """Return who is connected to a path that was declared with `presence=True`; from any thread.

        Args:
            path: the path.
            most: how many members are listed at most, up to 1,000; 0 for the count alone.

        Raises:
            UsageError: if no server runs the application, or `path` is not a path; the caller's fault.
        """
        if self._hub is None:
            check_own_path(path)
            raise no_server()
        return self._hub.presence(path, most)

    async def history(self, path: str, last: int = 100, *, since: str | None = None) -> History:
        """Return what is kept of the updates to a path, or to all that a pattern covers; on the loop.

        Args:
            path: the path or pattern.
            last: how many packets at most: the latest, or the first behind `since`.
            since: the position (`at`) behind which to begin; None for the latest.

        Returns:
            The packets, each with `path` and `message`; where they end (`at`, None if the path has no history);
            and whether they are all that were published in between (`complete`).

        Raises:
            UsageError: if no server runs the application, or an argument makes no sense; the caller's fault.
        """
        check_own_path(path)
        behind = None if since is None else read_position(since)
        if self._hub is None:
            raise no_server()
        return await self._hub.history(path, behind, check_count("last", last))
