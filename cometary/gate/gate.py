"""The gate: the one way from a wire to sessions, whichever wire it is.

1.  It checks in this order, and the client is told the first thing that is wrong. At an opening: how many sessions
    its address has opened lately; whether it gives what its session is to be bound to; whether there is room for one
    more session; what the authenticator says of it, and if that took its time, whether there is still room. A token
    that is good once is used up by being judged.
2.  At a request of a session: whether the session exists, and the request proves what it is bound to; how many
    packets it has; whether the application takes packets to their paths; if it brings a token that is to be judged,
    how many tokens of its address were judged lately, and what the authenticator says. Then the request is the
    session's, which checks in its turn whether its number is right, and whether its packets come slowly enough.
3.  What a request proves, and how much of that is judged, has its own rules: `cometary.gate.proving`.
4.  Nothing is raised to a wire: it hears by `opened` and `refuse` of its opening, or by `answer` and `refuse` of its
    request, once, now or later; not at all once it has said that the client has gone (`withdraw`, `drop`).
5.  A stream is let in like a request (rules 2 and 3), or by the opening that it came with. From then on its
    connection stands for what was proved: what comes on it (`submit_further`, `hear`) does not prove it again. It
    hears by `admitted` or `refuse`; after `leave` by neither.
6.  What a client sends in one go may be more than one request carries. Then the first part is let in for all of it
    (`submit_further`): its token is judged once, and one that is good once is good for all parts.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from cometary.errors import ProtocolError
from cometary.gate.judging import Judging
from cometary.gate.opening import NO_TOKEN, applicant
from cometary.gate.proving import Proving, kept_of
from cometary.gate.refusals import refusal_of
from cometary.gate.turnstile import LimitingTurnstile
from cometary.gate.welcoming import Welcoming
from cometary.packets.notices import ANSWER_PATH
from cometary.sessions.admission import EVERYBODY
from cometary.sessions.events import Heard, StreamDropped, Writable
from cometary.sessions.locator import Gone, here, look_elsewhere, unknown_session
from cometary.sessions.machine_data import MachineData

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.gate.binding import Binding
    from cometary.gate.opening import Credentials, Opening
    from cometary.gate.rate_limit import OpenLimiter
    from cometary.gate.welcoming import Recording
    from cometary.packets.packet import Packet
    from cometary.sessions import Request, SessionKeeper, SessionManager
    from cometary.sessions.admission import Judge, Verdict
    from cometary.sessions.events import Stream
    from cometary.sessions.locator import Locator
    from cometary.sessions.resuming import ResumingSign
    from cometary.sessions.settings import SessionSettings


class Gate:
    """Lets clients in.

    Args:
        manager: opens sessions.
        limiter: how many sessions an address may open, and how many tokens of it are judged.
        accepts: whether the application takes packets of clients to a path.
        judge: says whether an applicant is let in; None lets all in.
        binding: what sessions are bound to; None for nothing but their id.
        locator: finds sessions; None for the manager's directory.
        recording: records sessions, and finds those that were recorded elsewhere; None if none are.
        forward_of: returns what forwards requests of a session, given its id, or None; None if nothing ever does.
        start_soon: runs an async function beside everything else, for a judge that is one.

    Attributes:
        guards: whether credentials make a difference to the requests of a session.
        mirrors: whether sessions are recorded whose clients know nothing of that.
        accepts: whether the application takes packets of clients to a path.
        living: the sessions that live here, by their ids.
        forward_of: see there; for wires that can find an id without reading the request.
    """

    def __init__(
        self,
        manager: SessionManager,
        limiter: OpenLimiter,
        accepts: Callable[[str], bool],
        *,
        judge: Judge | None = None,
        binding: Binding | None = None,
        locator: Locator | None = None,
        recording: Recording | None = None,
        forward_of: Callable[[str], Any] | None = None,
        start_soon: Callable[..., None],
    ) -> None:
        self._turnstile = LimitingTurnstile(manager.settings, limiter.now)
        manager.turnstile = self._turnstile
        self._manager = manager
        self.accepts = accepts
        self._locator: Locator = manager.directory if locator is None else locator
        self.living = self._locator.living
        self._recording = recording
        self.mirrors = recording is not None and recording.mirrors
        self.forward_of = forward_of
        self._limiter = limiter
        self._judging = None if judge is None else Judging(judge, start_soon)
        self._proving = Proving(manager, self._locator, limiter, self._judging, binding)
        self.guards = judge is not None or binding is not None
        bound = None if binding is None else binding.name
        self._welcoming = Welcoming(manager, recording, bound, guards=self.guards)

    def change(self, settings: SessionSettings, opens_per_minute: int) -> None:
        """Go by other limits from now on."""
        self._limiter.per_minute = opens_per_minute
        self._turnstile.change(settings)

    def knows(self, sid: str) -> bool:
        """Whether there is a session with the id `sid`, or was one a moment ago."""
        place = self._locator.find(sid)
        return not isinstance(place, Gone) or place.reason is not None

    def may_find(self, sid: str) -> bool:
        """Whether a request may find a session with the id `sid`, or its end: it may be recorded elsewhere."""
        return self._recording is not None or self.knows(sid)

    def look_elsewhere(self, sid: str) -> None:
        """See whether another node has the session; see `cometary.sessions.locator.look_elsewhere`."""
        look_elsewhere(self._locator, sid)

    @property
    def most_packets(self) -> int:
        """How many packets one request may have."""
        return self._manager.settings.max_request_packets

    # -- opening ------------------------------------------------------------------------------

    def open(self, opening: Opening) -> None:
        """Open a session, or refuse to, now or later."""
        try:
            credentials = opening.credentials
            self._limiter.check(credentials.peer)
            binding = self._proving.bind(credentials)
            if self._judging is None:
                self._welcoming.open(opening, binding, EVERYBODY)
            else:
                self._manager.find_room()
                judged = partial(self._welcoming.open, opening, binding)
                who = applicant(credentials, opening.policy, opening.handshake)
                self._judging.ask(who, opening, judged)
        except Exception as error:  # noqa: BLE001 - what was not foreseen is logged there
            opening.refuse(refusal_of(error))

    def withdraw(self, opening: Opening) -> None:
        """Take note that nobody waits for the session any more: the client has gone."""
        if self._judging is not None:
            self._judging.forget(opening)

    # -- what a session is asked --------------------------------------------------------------

    def submit(
        self,
        sid: str,
        request: Request,
        credentials: Credentials | None = None,
        keeper: SessionKeeper | None = None,
        *,
        sought: bool = False,
    ) -> None:
        """Hand a request to the session with the id `sid`.

        Args:
            sid: the id, as the client gives it.
            request: the request.
            credentials: what the client shows of itself; may be left out where nothing is guarded.
            keeper: the session's, if it was found in `living` already.
            sought: whether the session was looked for elsewhere, and found.
        """
        try:
            if keeper is None:
                keeper = self.living.get(sid)
                if keeper is None and not sought and self._seeks(sid, request, credentials):
                    return
            if self.guards:
                self._submit_guarded(sid, keeper, request, credentials)
                return
            if keeper is None:
                keeper = here(self._locator.find(sid))
            if request.packets:
                self._check_packets(keeper, request.packets)
            request.sid = keeper.sid
            keeper.submit(request)
        except Exception as error:  # noqa: BLE001 - what was not foreseen is logged there
            request.refuse(refusal_of(error))

    def _seeks(self, sid: str, request: Request, credentials: Credentials | None) -> bool:
        """Whether the session of a request, which is not here, is looked for; then the request waits for it."""
        if self._recording is None or not request.resumes:
            return False
        place = self._locator.find(sid)
        if not isinstance(place, Gone) or place.reason is not None:
            return False
        go_on = partial(self.submit, sid, request, credentials, sought=True)
        return self._recording.seek(sid, go_on, request.refuse)

    def drop(self, sid: str, request: Request) -> bool:
        """Take note that the client of `request`, which was submitted, cannot be answered any more.

        Returns:
            Whether it is sure that no answer comes.
        """
        if self._judging is not None and self._judging.forget(request):
            return False
        keeper = self.living.get(sid)
        return keeper is not None and keeper.drop(request)

    def hurry(self, sid: str, request: Request) -> None:
        """Have `request`, which was submitted, answered now if it is only held."""
        keeper = self.living.get(sid)
        if keeper is not None:
            keeper.hurry(request)

    def _submit_guarded(
        self, sid: str, keeper: SessionKeeper | None, request: Request, credentials: Credentials | None
    ) -> None:
        if credentials is None:
            raise unknown_session()  # its wire has none: nothing is proved
        proving = self._proving
        binding = proving.digest(credentials)
        keeper = proving.find(sid, keeper, binding)
        request.sid = keeper.sid
        judged = proving.needs_judgement(keeper, binding, credentials)
        renewed = self._renewed
        if judged and proving.by_token:
            renewed = self._proved  # as yet it may be anybody's
        elif request.packets:
            self._check_packets(keeper, request.packets)
        if judged:
            proving.judge(keeper, credentials, request, partial(renewed, request, binding))
        else:
            keeper.submit(request)

    def _renewed(self, request: Request, binding: bytes | None, verdict: Verdict) -> None:
        keeper = here(self._locator.find(request.sid))  # again: it may have ended meanwhile
        self._proving.renew(keeper, binding, verdict).submit(request)

    def _proved(self, request: Request, binding: bytes | None, verdict: Verdict) -> None:
        """Go on with a request that only its token, which was judged to be good, has shown to be the session's."""
        proving = self._proving
        keeper = proving.renew(proving.find_judged(request.sid), binding, verdict)
        self._check_packets(keeper, request.packets)
        keeper.submit(request)

    def _check_packets(self, keeper: SessionKeeper, packets: Sequence[Packet]) -> None:
        """See whether one request may have so many packets, and the application takes packets to these paths.

        What the client answers is taken here: a handler that waits for it holds up whatever has its turn behind it.
        If the request comes again, the second answer is nothing.

        Raises:
            ProtocolError: `too-large` or `forbidden`, the client's fault.
        """
        if len(packets) > 1 and len(packets) > (most := self.most_packets):
            detail = f"the request has {len(packets)} packets; one may have {most}, so send them in several"
            raise ProtocolError("too-large", detail)
        for packet in packets:
            if not self.accepts(packet.path):
                raise ProtocolError("forbidden", "the application takes no packets to one of these paths")
            if packet.path == ANSWER_PATH:
                self._manager.hub.answered(keeper, packet.message)

    # -- streams (rule 5) ---------------------------------------------------------------------

    def attach(
        self,
        sid: str,
        stream: Stream,
        ack: int,
        credentials: Credentials | None = None,
        *,
        sought: bool = False,
    ) -> None:
        """Attach a stream to the session with the id `sid`, or refuse to, now or later.

        Args:
            sid: the id, as the client gives it.
            stream: the stream; nobody may have attached it before.
            ack: the highest packet number that the client has received.
            credentials: what the client shows of itself; may be left out where nothing is guarded.
            sought: whether the session was looked for elsewhere, and found.
        """
        try:
            keeper = self.living.get(sid)
            if sought:
                if stream.gone:
                    return
            elif keeper is None and self._lasts(stream) and self._seeks_for(stream, sid, ack, credentials):
                return
            if self.guards:
                self._attach_guarded(sid, keeper, stream, ack, credentials)
                return
            if keeper is None:
                keeper = here(self._locator.find(sid))
            keeper.attach(stream, ack)
        except Exception as error:  # noqa: BLE001 - what was not foreseen is logged there
            stream.refuse(refusal_of(error))

    def _lasts(self, stream: Stream) -> bool:
        """Whether a stream's session may go on elsewhere, and the stream there, too."""
        return stream.resumes or (self.mirrors and not stream.travels)

    def _seeks_for(self, stream: Stream, sid: str, ack: int, credentials: Credentials | None) -> bool:
        """Whether the session of a stream, which is not here, is looked for; then the stream waits for it."""
        if self._recording is None:
            return False
        place = self._locator.find(sid)
        go_on = partial(self.attach, sid, stream, ack, credentials, sought=True)
        if isinstance(place, Gone):
            return place.reason is None and self._recording.seek(sid, go_on, stream.refuse)
        return stream.travels and self._recording.seek_for_connection(sid, go_on, stream.refuse)

    def _attach_guarded(
        self,
        sid: str,
        keeper: SessionKeeper | None,
        stream: Stream,
        ack: int,
        credentials: Credentials | None,
    ) -> None:
        if credentials is None:
            raise unknown_session()  # its wire has none: nothing is proved
        proving = self._proving
        binding = proving.digest(credentials)
        keeper = proving.find(sid, keeper, binding)
        if proving.needs_judgement(keeper, binding, credentials):
            renewed = partial(self._attach_renewed, stream, keeper.sid, ack, binding)
            proving.judge(keeper, credentials, stream, renewed)
        else:
            keeper.attach(stream, ack)

    def _attach_renewed(
        self, stream: Stream, sid: str, ack: int, binding: bytes | None, verdict: Verdict
    ) -> None:
        proving = self._proving
        proving.renew(proving.find_judged(sid), binding, verdict).attach(stream, ack)

    def submit_further(self, sid: str, request: Request, credentials: Credentials | None = None) -> None:
        """Hand over a request of a client that was let in: on a stream (rule 5), or by a part before it (rule 6).

        Args:
            sid: the session's id; that of the stream, which has one once it was admitted.
            request: the request.
            credentials: what the client shows of itself; may be left out where it brings no token. Of them only
                the token, the address and the origin count.
        """
        try:
            keeper = self.living.get(sid) or self._found(sid, resumes=request.resumes)
            if request.packets:
                self._check_packets(keeper, request.packets)
            request.sid = keeper.sid
            if credentials is None or credentials.token is NO_TOKEN:
                keeper.submit(request)
            else:
                self._submit_with_token(keeper, request, credentials)
        except Exception as error:  # noqa: BLE001 - what was not foreseen is logged there
            request.refuse(refusal_of(error))

    def _found(self, sid: str, *, resumes: bool) -> SessionKeeper:
        place = self._locator.find(sid)
        if resumes and not (isinstance(place, Gone) and place.reason is not None):
            # It was here when its stream was let in, which is about to be released.
            raise ProtocolError("shutting-down", "the session goes on elsewhere", retry_after=1)
        return here(place)

    def _submit_with_token(self, keeper: SessionKeeper, request: Request, credentials: Credentials) -> None:
        proving = self._proving
        binding = proving.digest(credentials) if proving.by_token else kept_of(keeper)
        if not proving.needs_judgement(keeper, binding, credentials):
            keeper.submit(request)
            return
        if proving.by_token and binding is None:
            raise unknown_session()  # it is no text: what it renewed would be bound to nothing
        proving.judge(keeper, credentials, request, partial(self._renewed, request, binding))

    def next_rid(self, stream: Stream) -> int:
        """Return the id of the next new request of the session of a stream, for a wire whose clients count none.

        It is right as long as what was submitted before has been answered; 0 if the session has ended.
        """
        keeper = self.living.get(stream.sid)
        if keeper is None:
            return 0
        machine: MachineData = keeper.machine  # which compiled code knows
        return machine.window.expected

    def hear(self, stream: Stream, ack: int = 0) -> None:
        """Take note of a sign of life on `stream`, whose client has all packets up to `ack`; 0 if it does not say."""
        keeper = self.living.get(stream.sid)
        if keeper is not None:
            keeper.tell_at_once(Heard(stream, ack))

    def hear_resuming(self, sign: ResumingSign) -> None:
        """Take note of a sign of life of a client that says where it is; only a recorded session takes note of that."""
        keeper = self.living.get(sign.stream.sid)
        if keeper is not None:
            keeper.tell(Heard(sign.stream, sign.ack) if keeper.recorder is None else sign)

    def writable(self, stream: Stream) -> None:
        """Take note that `stream`, whose last `write` was told that it takes no more, takes more."""
        keeper = self.living.get(stream.sid)
        if keeper is not None:
            keeper.tell(Writable(stream))

    def leave(self, stream: Stream) -> None:
        """Take note that the connection of `stream` broke, or its client has left it."""
        if self._judging is not None and self._judging.forget(stream):
            return
        keeper = self.living.get(stream.sid)
        if keeper is not None:
            keeper.tell(StreamDropped(stream))
