"""Presence: who is on the paths of a server, kept in step with the table of subscriptions, and told to their hearers.

1.  A session that is connected to a path by its name, not by a pattern with stars, is on it. That is changed where
    the table is, and so whatever ends a session or moves it ends its presence: presence is a view of the table, and
    nothing by itself.
2.  What has changed is told in a packet on the control path `::presence` to all who hear the path, `PAUSE` seconds
    after the first change at the earliest, and later where there are many of them: there are about `MOST_A_SECOND`
    such packets a second for one path, however many join and leave.
3.  A session shows what its data has as `shown` when it is connected: any JSON, up to `LONGEST_SHOWN` bytes.

Runs on the loop's thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from cometary.actors.scheduled_cell import offer_to_each
from cometary.dispatch.members import Member, Members, Present
from cometary.dispatch.parking import MOST_OFFERED
from cometary.errors import UsageError
from cometary.packets.notices import PRESENCE_PATH
from cometary.packets.packet import Packet
from cometary.packets.paths import check_own_path
from cometary.packets.patterns import ANY_SEGMENT, Pattern
from cometary.packets.terms import check_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cometary.dispatch.dispatcher import Table
    from cometary.packets.contract_table import Contracts
    from cometary.sessions import SessionKeeper

PAUSE: Final = 0.5
"""Seconds."""

MOST_A_SECOND: Final = 1_000
LONGEST_SHOWN: Final = 1_024
MOST_LISTED: Final = 1_000
"""Members in one answer."""


class Presence:
    """The presence of one server.

    Args:
        table: who hears what.
        contracts: which paths have presence.
        start_soon: runs an async function beside everything else.
        members: who is on which path; None for nobody yet.
    """

    def __init__(
        self,
        table: Table,
        contracts: Contracts,
        start_soon: Callable[..., None],
        members: Members | None = None,
    ) -> None:
        self._table = table
        self._contracts = contracts
        self._start_soon = start_soon
        self._members = Members() if members is None else members
        self._members.changed = self._tell_soon
        self._in_use = contracts.presence

    def check(self, keeper: SessionKeeper, patterns: Iterable[str]) -> None:
        """See whether a session may be shown on these paths, before it is connected.

        Raises:
            UsageError: it shows something that cannot travel, or is too long; the application's fault.
        """
        if self._in_use and any(map(self._has_presence, patterns)):
            shown(keeper)

    def join(self, keeper: SessionKeeper, patterns: Iterable[str]) -> None:
        """Take note that a session has been connected to paths, and patterns."""
        paths = list(filter(self._has_presence, patterns)) if self._in_use else []
        if not paths:
            return
        member = Member(keeper.name, shown(keeper))
        generation = 0 if keeper.recorder is None else keeper.recorder.generation
        for path in paths:
            if self._members.join(path, member, generation):
                self._tell_soon(path)

    def leave(self, keeper: SessionKeeper, patterns: Iterable[str]) -> None:
        """Take note that it is connected to these no more, or never was."""
        handed_on = keeper.recorder is not None and keeper.recorder.handed_on
        for path in patterns if self._in_use else ():
            if self._members.leave(path, keeper.name, handed_on=handed_on):
                self._tell_soon(path)

    def end(self, keeper: SessionKeeper) -> None:
        """Take note that it is about to be connected to nothing any more."""
        if self._in_use:
            self.leave(keeper, self._table.patterns(keeper.ref))

    def present(self, path: str, most: int) -> Present:
        """Return who is on a path, the first `most` of them; from any thread.

        Raises:
            UsageError: if `path` is not a path, or `most` not a number of members; the caller's fault.
        """
        check_own_path(path)
        return self._members.present(path, min(check_count("most", most, 0), MOST_LISTED))

    def present_for(self, keeper: SessionKeeper, path: str, most: int) -> dict[str, object]:
        """Return the same as plain data, for a session that hears the path.

        Raises:
            UsageError: if it is not connected to the path; the caller's fault.
        """
        check_hears(self._table, keeper, path)
        return self.present(path, most).as_dict()

    def _has_presence(self, text: str) -> bool:
        return self._contracts.find(text).presence and Pattern.compile(text).exact

    def _tell_soon(self, path: str) -> None:
        self._start_soon(self._tell, path, max(PAUSE, self._members.count(path) / MOST_A_SECOND))

    async def _tell(self, path: str, pause: float) -> None:
        await trio.sleep(pause)
        changes = self._members.take_changes(path)
        if changes is None:
            return
        packet = Packet(PRESENCE_PATH, {"path": path, **changes.as_dict()})
        subscribers = self._table.subscribers(path)
        for begin in range(0, len(subscribers), MOST_OFFERED):  # in parts, as the dispatcher offers updates
            offer_to_each(subscribers[begin : begin + MOST_OFFERED], packet)
            await trio.lowlevel.checkpoint()


def check_hears(table: Table, keeper: SessionKeeper, path: str) -> None:
    """See whether a session is connected to a path; to a pattern with stars only if it is so to this very one.

    Raises:
        UsageError: it is not, or that is not a path; the caller's fault.
    """
    check_own_path(path)
    hears = table.any_hears(path, (keeper.ref,)) and (
        ANY_SEGMENT not in path
        or table.has(path, keeper.ref)  # `chat/*` covers the text `chat/**`, but not its paths
    )
    if not hears:
        raise UsageError("a session is told of paths that it is connected to only")


def shown(keeper: SessionKeeper) -> Any:
    """Return what a session shows of itself, as it is now.

    Raises:
        UsageError: it cannot travel, or is too long; the application's fault.
    """
    value = keeper.data.get("shown")
    if value is None:
        return None
    try:
        written = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f'data["shown"] of <Session {keeper.name}> cannot be encoded: {error}') from None
    if len(written) > LONGEST_SHOWN:
        raise UsageError(f'data["shown"] of <Session {keeper.name}> has more than {LONGEST_SHOWN} bytes')
    return msgspec.json.decode(written)
