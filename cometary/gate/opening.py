"""What a wire hands to the gate: who asks, and the opening of a session; and what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from mypy_extensions import mypyc_attr

from cometary.sessions import Applicant

if TYPE_CHECKING:
    from cometary.errors import ProtocolError
    from cometary.sessions.events import Stream
    from cometary.sessions.handshake import Handshake
    from cometary.sessions.policy import Policy

NO_TOKEN: Final[Any] = object()
"""What `Credentials.token` is where the client gives none; None is a token, too."""


class Credentials(Protocol):
    """What a client shows of itself with one request. The gate reads it before it returns, and does not keep it."""

    @property
    def peer(self) -> str:
        """The address that it came from; that of the proxy, if there is one."""
        ...

    @property
    def origin(self) -> str | None:
        """The origin of its page, as the browser says; None for other programs."""
        ...

    @property
    def token(self) -> Any:
        """The token that it gives, any value; `NO_TOKEN` if none."""
        ...

    def header(self, name: bytes) -> bytes | None:
        """Return what it says under `name`, in lower case, such as `b"cookie"`; None if nothing."""
        ...


class Welcome(NamedTuple):
    """What the client of a new session is told.

    Attributes:
        sid: the session's id.
        wait: seconds that a request is held at most.
        die: seconds without a request after which the session ends.
        requests: the most requests that the client may have unanswered.
        packets: the most packets in one of them.
        expires: seconds after which the session ends, unless its token is renewed; None: never.
        bind: what each request has to give besides the id, `cookie` or `token`; None: nothing.
        name: the session's public name, which clients of some wires are told.
        generation: that of a session that is recorded; None for one that is not.
    """

    sid: str
    wait: float
    die: float
    requests: int
    packets: int
    expires: float | None = None
    bind: str | None = None
    name: str = ""
    generation: int | None = None


@mypyc_attr(allow_interpreted_subclasses=True)
class Opening:
    """A client asks for a session. Each wire has a subclass that can answer.

    Args:
        rid: the id of this request, from which the client counts on.
        credentials: what the client shows of itself.
        wire: how it has come, for the log.
        wait: seconds that it wants its requests held at most; None: as long as the server holds them.
        policy: what the wire's sessions are like; None for those of the native protocol.

    Attributes:
        stream: what is attached to the session once it has opened; None, as it is at first, for nothing.
        resumes: whether its client can go on with the session elsewhere, as only those of some wires can.
        mirrored: whether it can although it knows nothing of that; then `resumes` holds as well.
        handshake: what the application may see of how its client connected; None for nothing, as at first.
    """

    __slots__ = ("credentials", "handshake", "mirrored", "policy", "resumes", "rid", "stream", "wait", "wire")

    def __init__(
        self,
        rid: int,
        credentials: Credentials,
        wire: str,
        wait: float | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.rid = rid
        self.credentials = credentials
        self.wire = wire
        self.wait = wait
        self.policy = policy
        self.stream: Stream | None = None
        self.resumes = False
        self.mirrored = False
        self.handshake: Handshake | None = None

    def opened(self, welcome: Welcome) -> None:
        """Tell the client of its session."""
        raise NotImplementedError

    def refuse(self, error: ProtocolError) -> None:
        """Tell the client that it gets none."""
        raise NotImplementedError


def applicant(
    credentials: Credentials, policy: Policy | None, handshake: Handshake | None = None
) -> Applicant:
    """Return whom an authenticator is asked about: who wants a session of that policy, or has one."""
    token = credentials.token
    given = None if token is NO_TOKEN else token
    namespace = None if policy is None else policy.namespace
    return Applicant(given, credentials.peer, credentials.origin, namespace, handshake)
