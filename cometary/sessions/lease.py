"""The lease on which a session was let in: for whom, until when, and bound to what.

1.  A session with an expiry ends at that time, as `kicked`. Some time before, the client gets a packet to the control
    path `::token`, which says in how many seconds; it may answer with another token.
2.  Another token counts if it is the same user's. It moves the expiry, and with it the paths that it names, if its
    own expiry is later. The client is disconnected from paths that it no longer names. A token that is not later
    changes nothing: it is an older one, in a request that was overtaken.
3.  Both times are timers of the session, which its end closes, and whose messages its actor knows
    anyway. A session without an expiry has none of this.
"""

from __future__ import annotations

import base64
from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from cometary.errors import ProtocolError
from cometary.packets.notices import EXPIRING_PATH
from cometary.packets.packet import Packet
from cometary.packets.patterns import NO_GRANTS, Grants, Pattern
from cometary.packets.question import withdrawal
from cometary.sessions.admission import user_of
from cometary.sessions.events import End

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cometary.actors import Timer
    from cometary.sessions.admission import Admission
    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.manager import SessionManager

LEASE_END: Final = "lease end"
NOTICE: Final = "lease notice"
"""The names of the two timers."""

EXPIRED: Final = "token expired"
"""Why a session has ended, for operators; its client is told `kicked`, and may open another one."""

ROUNDING: Final = 0.001
"""Seconds: what the clock may read too little when a timer is due."""


class Lease:
    """The lease of one session.

    Args:
        user: who was let in; later tokens are to be the same user's.
        binding: a digest of what every request of the client has to give; None for nothing.
        paths: what the client may connect itself to.

    Attributes:
        expires: when the session ends: a reading of the scheduler's clock in seconds, or infinity.
        ran_out: whether it was that which has ended the session.
    """

    __slots__ = ("binding", "expires", "paths", "ran_out", "user")

    def __init__(
        self, user: str | int | None, binding: bytes | None = None, paths: Iterable[str] = ()
    ) -> None:
        self.user = user
        self.paths = Grants(paths)
        self.binding = binding
        self.expires = inf
        self.ran_out = False

    def ended(self, reason: str, now: float) -> None:
        """Take note that the session has ended at the time `now`."""
        self.ran_out = reason == "kicked" and now + ROUNDING >= self.expires

    def __repr__(self) -> str:
        return f"<Lease of {self.user!r} until {self.expires}>"


def admit(keeper: SessionKeeper, admission: Admission, notice: float, binding: bytes | None = None) -> None:
    """Let a new session in; before its sign-on, which has its turn later.

    Args:
        keeper: the session.
        admission: what an authenticator has made of its client.
        notice: seconds before the expiry at which the client is asked for another token, if that
            is not more than half of the time that there is.
        binding: a digest of what the session is bound to; None for nothing.
    """
    if admission.data:
        keeper.data.update(admission.data)
    keeper.lease = Lease(user_of(admission.data), binding, admission.paths)
    if admission.expires is not None:
        _set_expiry(keeper, keeper.lease, admission.expires, notice)


def renew(keeper: SessionKeeper, admission: Admission, notice: float, binding: bytes | None = None) -> None:
    """Let a session go on, on the lease of another token; for the arguments see `admit`.

    Raises:
        ProtocolError: `unauthorized`: it is another user's; the client's fault, nothing has changed.
    """
    lease = keeper.lease
    if lease is None or user_of(admission.data) != lease.user:
        raise ProtocolError("unauthorized", "this token is another user's than the session")
    now = keeper.now()
    if now + (inf if admission.expires is None else admission.expires) > lease.expires:
        lease.binding = binding
        lease.paths = Grants(admission.paths)
        _set_expiry(keeper, lease, admission.expires, notice)


def narrow(keeper: SessionKeeper, before: Grants, manager: SessionManager) -> None:
    """Disconnect a session from what its client was granted before, and is not by the token that it has brought."""
    granted = NO_GRANTS if keeper.lease is None else keeper.lease.paths
    if granted.texts == before.texts:
        return
    connected = map(Pattern.compile, manager.hub.paths(keeper).listed)
    lost = [path.text for path in connected if before.cover(path) and not granted.cover(path)]
    if lost:
        manager.hub.unsubscribe(keeper, lost)
        manager.posting.post(keeper, Packet(*withdrawal(lost)))


def _set_expiry(keeper: SessionKeeper, lease: Lease, seconds: float | None, notice: float) -> None:
    if seconds is None:
        lease.expires = inf
        for name in (LEASE_END, NOTICE):
            keeper.timers[name].cancel()
        return
    lease.expires = keeper.now() + seconds
    notice = min(notice, seconds / 2)
    _timer(keeper, LEASE_END, End("kicked")).start(seconds)
    _timer(keeper, NOTICE, Packet(EXPIRING_PATH, {"expires": round(notice, 3)})).start(seconds - notice)


class FrozenLease(msgspec.Struct):
    """A lease as plain data; see `cometary.sessions.frozen`.

    Attributes:
        user: who was let in.
        binding: the digest, in base64.
        expires: seconds that are left; None for no end.
        notice: seconds until the client is asked for another token; None if it was, or will not be.
        paths: what the client may connect itself to.
    """

    user: str | int | None = None
    binding: str | None = None
    expires: float | None = None
    notice: float | None = None
    paths: list[str] = []


def freeze_lease(keeper: SessionKeeper, lease: Lease) -> FrozenLease:
    """Return the lease of a session as plain data."""
    now, notice = keeper.now(), keeper.timer(NOTICE)
    return FrozenLease(
        lease.user,
        None if lease.binding is None else base64.b64encode(lease.binding).decode(),
        None if lease.expires == inf else max(lease.expires - now, 0.0),
        max(notice.deadline - now, 0.0) if notice is not None and notice.running else None,
        lease.paths.texts,
    )


def thaw_lease(keeper: SessionKeeper, frozen: FrozenLease, late: float) -> None:
    """Give a session its lease again, of which `late` seconds have passed since it was frozen."""
    binding = None if frozen.binding is None else base64.b64decode(frozen.binding)
    keeper.lease = lease = Lease(frozen.user, binding, frozen.paths)
    if frozen.expires is None:
        return
    left, notice = max(frozen.expires - late, 0.0), frozen.notice
    lease.expires = keeper.now() + left
    _timer(keeper, LEASE_END, End("kicked")).start(left)
    before = frozen.expires - (0.0 if notice is None else notice)
    timer = _timer(keeper, NOTICE, Packet(EXPIRING_PATH, {"expires": round(before, 3)}))
    if notice is not None:
        timer.start(max(notice - late, 0.0))


def _timer(keeper: SessionKeeper, name: str, message: object) -> Timer:
    timer = keeper.timer(name) or keeper.new_timer(name)
    timer.message = message
    return timer
