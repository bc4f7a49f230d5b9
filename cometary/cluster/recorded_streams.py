"""The streams of a recorded session: how they are attached, and what their clients say on them.

1.  What attaches a stream, and a sign of life on one, goes to the owner's machine first: it says where the client is.
2.  A client that has not heard of this generation is told of it by the stream's hello, and then says where it is: in
    a sign, or in a request. Until that comes, the stream carries nothing (R4): it is greeted, and not attached yet.
3.  One stream is greeted at a time: the next one releases it. A stream whose session goes on elsewhere is released;
    its client attaches another there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.cluster.client_position import ClientPosition, read_client_position
from cometary.cluster.owner_events import ClientSign
from cometary.cluster.recorded_calls import RecordedCalls
from cometary.errors import ProtocolError, UsageError
from cometary.sessions.events import Attach, Heard, StreamDropped

if TYPE_CHECKING:
    from typing import Any

    from cometary.cluster.owner_events import Heed
    from cometary.sessions.resuming import Resuming, ResumingSign


class RecordedStreams(RecordedCalls):
    """Takes what comes on streams."""

    __slots__ = ()

    def _attach(self, attach: Attach) -> None:
        stream: Any = attach.stream
        if stream.resumes:
            stream.recorder = self._recorded
        self._tell_where(attach, getattr(stream, "resuming", None))

    def _hear_sign(self, sign: Any) -> None:
        self._tell_where(sign, getattr(sign, "resuming", None))

    def _tell_where(self, what: Attach | ResumingSign, says: Any) -> None:
        """Tell the owner's machine where a client is, unless there is something wrong with how it says so."""
        refusal = self._idle_refusal(what)
        try:
            position = position_of(says)
        except ProtocolError as error:
            self._end_stream(what.stream, error)
            return
        if refusal is None:
            self._tell_owner(ClientSign(says.generation, what.ack, position, what))
        else:
            self._end_stream(what.stream, refusal)

    def _idle_refusal(self, what: Attach | ResumingSign) -> ProtocolError | None:
        """Return what is wrong with how often its client says nothing new, if anything is."""
        keeper = self._keeper
        idle = what.ack <= keeper.machine.outbox.acknowledged
        return self._manager.turnstile.idle_refusal(keeper) if idle else None

    def _end_stream(self, stream: Any, error: ProtocolError) -> None:
        """Tell the client of a stream what is wrong, and let go of the stream."""
        if stream is self._recorded.greeted:
            self._recorded.greeted = None
        stream.refuse(error)
        self._beneath(StreamDropped(stream))

    def _heed(self, action: Heed) -> None:
        sign = action.sign
        what = sign.exchange
        if isinstance(what, Attach):
            self._release_greeted()
            if not action.counts:
                self._greet(what)
            elif self._beneath(Attach(what.stream, sign.ack)):
                what.stream.taken()
            else:
                what.stream.refuse(self._keeper.over())
        elif action.counts:
            self._beneath(Heard(what.stream, sign.ack))
            self._attach_greeted()
            self._shorten()
        self._look_whether_caught_up()

    def _greet(self, attach: Attach) -> None:
        """Tell the client of a stream which generation this is (rule 2)."""
        stream = attach.stream
        self._recorded.greeted = stream
        stream.carried = attach.ack
        stream.taken()

    def _attach_greeted(self) -> None:
        """Have a stream carry what its client lacks, now that it is known where that is."""
        stream, self._recorded.greeted = self._recorded.greeted, None
        if stream is not None:
            self._beneath(Attach(stream, 0))

    def _release_greeted(self) -> None:
        stream, self._recorded.greeted = self._recorded.greeted, None
        if stream is not None:
            stream.release()

    def _close(self, reason: str) -> None:
        """Tell that the session has ended; a stream that was greeted as well."""
        super()._close(reason)
        stream, self._recorded.greeted = self._recorded.greeted, None
        if stream is not None:
            stream.refuse(self._keeper.over())


def position_of(says: Resuming | None) -> ClientPosition:
    """Return where a client says that it is.

    Raises:
        ProtocolError: `bad-request`: it does not say so, or it is no position; the client's fault.
    """
    if says is None:
        detail = "This session resumes: its client says how far it has come, in gen, at and done."
        raise ProtocolError("bad-request", detail)
    try:
        return ClientPosition() if says.at is None else read_client_position(says.at)
    except UsageError as error:
        raise ProtocolError("bad-request", str(error)) from None
