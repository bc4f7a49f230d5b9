"""Who asks to open a session, and what an authenticator makes of it.

Pure: no clock, no socket. An expiry is a number of seconds from the moment of the verdict.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeGuard

from cometary.errors import ProtocolError, UsageError
from cometary.packets.patterns import are_patterns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.sessions.handshake import Handshake


LONGEST: Final = 10**12
"""Seconds, beyond any date that a calendar has."""


class Applicant(NamedTuple):
    """A client that wants a session, or wants to keep one.

    Attributes:
        token: what it gave as `token`, any value; None if nothing.
        address: the address that it came from; that of the proxy, if there is one.
        origin: the origin of its page, as the browser says; None for other programs.
        namespace: the namespace that it connects to, such as `/chat`, on a wire that has them; else None.
        handshake: what it showed of itself when it connected, on a wire that has namespaces; else None.
    """

    token: object
    address: str = ""
    origin: str | None = None
    namespace: str | None = None
    handshake: Handshake | None = None

    def __repr__(self) -> str:
        return f"<Applicant from {self.address}>"  # the token is a secret


@dataclass(frozen=True, slots=True)
class Admission:
    """The client is let in.

    Attributes:
        data: becomes the session's `data`; its item `user`, if it is text or a number, is the user.
        expires: seconds from now on after which the session ends, unless it has been renewed;
            None for never. Who is let in for no time at all is not let in.
        paths: what the client may connect itself to, paths and patterns.

    Raises:
        UsageError: `expires` is not a number of seconds, or one of `paths` is none; the authenticator's fault.
    """

    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    expires: float | None = None
    paths: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not are_patterns(self.paths):
            raise UsageError("paths are a list of paths and patterns")
        if self.expires is not None and not is_seconds(self.expires):
            raise UsageError(f"expires is None or a number of seconds of {LONGEST} at most")


if TYPE_CHECKING:
    Verdict = bool | Mapping[str, Any] | Admission
    Judge = Callable[[Applicant], Verdict | Awaitable[Verdict]]

EVERYBODY: Final = Admission()
"""What everybody gets where nobody is asked for a token."""


class Authenticator(ABC):
    """An authenticator that wants to know more of an applicant than the token."""

    @abstractmethod
    def judge(self, applicant: Applicant) -> Verdict | Awaitable[Verdict]:
        """Say whether the applicant is let in: what an authenticator that is a function returns.

        Raises:
            ProtocolError: the applicant gets this error; what it says is up to the authenticator.
        """


def admission_of(verdict: Verdict) -> Admission:
    """Return the terms of a verdict.

    Raises:
        ProtocolError: `unauthorized`; the client is not let in.
        UsageError: if it is not something that an authenticator may return; the authenticator's fault. Nobody is let
            in by an object that happens to be true, such as a generator that nobody has run.
    """
    if isinstance(verdict, Admission):
        if verdict.expires is not None and verdict.expires <= 0:
            raise ProtocolError("unauthorized", "the token has expired")
        return verdict
    if isinstance(verdict, Mapping):
        return Admission(verdict)
    if verdict is True:
        return EVERYBODY
    given: object = verdict
    if given is False or given is None:
        raise ProtocolError("unauthorized", "the authenticator does not accept this token")
    name = type(given).__name__  # and no more of it, which may be a secret
    raise UsageError(f"an authenticator returns True, False, a mapping or an Admission, not a {name}")


def is_seconds(value: object) -> TypeGuard[float]:
    """Whether `value` is a number, and of a size that clocks can be added to."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -LONGEST <= value <= LONGEST


def user_of(data: Mapping[str, Any]) -> str | int | None:
    """Return whose session it is, as far as its data says so."""
    user = data.get("user")
    return user if isinstance(user, str | int) else None
