"""Welcoming: makes the session of an opening that was let in, and tells its client of it.

1.  A session whose client can go on with it elsewhere is recorded first, if sessions are recorded at all. It counts,
    and its client is told of it, once that is done; should it fail, the client is told so, and there never was a
    session.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from cometary.gate.opening import Welcome
from cometary.sessions.admission import admission_of
from cometary.sessions.lease import admit

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.errors import ProtocolError
    from cometary.gate.opening import Opening
    from cometary.sessions import SessionKeeper, SessionManager
    from cometary.sessions.admission import Admission, Verdict


class Recording(Protocol):
    """What records sessions, so that they can go on elsewhere; see `cometary.cluster.recording`.

    Attributes:
        mirrors: whether it records those, too, whose clients know nothing of that.
    """

    mirrors: bool

    def open(
        self,
        keeper: SessionKeeper,
        admission: Admission | None,
        go_on: Callable[[], object],
        refuse: Callable[[ProtocolError], object],
        *,
        mirrored: bool = False,
    ) -> None:
        """Record a session that is to be opened, and call `go_on` then."""
        ...

    def seek(self, sid: str, go_on: Callable[[], object], refuse: Callable[[ProtocolError], object]) -> bool:
        """Look for a session that is not here, and call `go_on` when it is; returns whether there can be one."""
        ...

    def seek_for_connection(
        self, sid: str, go_on: Callable[[], object], refuse: Callable[[ProtocolError], object]
    ) -> bool:
        """Do as `seek` for a connection, which is passed on as a whole if another node has the session."""
        ...


class Welcoming:
    """Opens sessions.

    Args:
        manager: where they live.
        recording: records those that can go on elsewhere; None if none are.
        bound: what sessions are bound to, as their clients are told; None for nothing but their id.
        guards: whether credentials make a difference to the requests of a session.
    """

    def __init__(
        self, manager: SessionManager, recording: Recording | None, bound: str | None, *, guards: bool
    ) -> None:
        self._manager = manager
        self._recording = recording
        self._bound = bound
        self._guards = guards

    def open(self, opening: Opening, binding: bytes | None, verdict: Verdict) -> None:
        """Open a session, now or once it is recorded.

        Args:
            opening: the opening.
            binding: a digest of what the session is to be bound to; None for nothing.
            verdict: what the authenticator says of it.

        Raises:
            ProtocolError: it is not let in, or there is no room; `opening` is still to be refused with it.
        """
        admission, manager = admission_of(verdict), self._manager
        if opening.resumes and self._recording is not None:
            manager.find_room()
            keeper = manager.new_keeper(opening.rid, opening.wait, opening.policy)
            enter = partial(self._enter, opening, binding, admission, keeper)
            known = admission if self._guards else None
            self._recording.open(keeper, known, enter, opening.refuse, mirrored=opening.mirrored)
            return
        keeper = manager.open(opening.rid, opening.wait, opening.policy)
        self._welcome(opening, binding, admission, keeper)

    def _enter(
        self, opening: Opening, binding: bytes | None, admission: Admission, keeper: SessionKeeper
    ) -> None:
        self._manager.enter(keeper)
        self._welcome(opening, binding, admission, keeper)

    def _welcome(
        self, opening: Opening, binding: bytes | None, admission: Admission, keeper: SessionKeeper
    ) -> None:
        manager, settings, machine = self._manager, self._manager.settings, keeper.machine
        if self._guards:
            admit(keeper, admission, settings.notice, binding)
        keeper.handshake = opening.handshake
        manager.journal.opened(keeper, opening.wire, opening.credentials.peer)
        opening.opened(
            Welcome(
                keeper.sid,
                machine.wait,
                machine.policy.die,
                machine.policy.requests,
                settings.max_request_packets,
                None if admission.expires is None else round(admission.expires, 3),
                self._bound,
                keeper.name,
                None if keeper.recorder is None or opening.mirrored else keeper.recorder.generation,
            )
        )
        if opening.stream is not None:
            keeper.attach(opening.stream, 0)
