"""Judging: asks the authenticator about clients, and goes on when it has answered.

1.  An authenticator that takes its time is waited for alongside everything else, and the request that it is about
    waits with it. If that request's client goes meanwhile, nothing comes of it.
2.  An exception from it concerns that one request: a `ProtocolError` is what the client is told, and anything else is
    logged.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Protocol

from cometary.errors import ActorEndedError, ProtocolError
from cometary.escapes import escapes, exit_in
from cometary.gate.refusals import refusal_of, refusal_of_authenticator
from cometary.sessions.admission import Authenticator

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from cometary.sessions import Applicant
    from cometary.sessions.admission import Judge, Verdict


class Asker(Protocol):
    """An opening or a request."""

    def refuse(self, error: ProtocolError, /) -> None:
        """Answer with an error."""
        ...


class Judging:
    """The questions to one authenticator.

    Args:
        judge: the authenticator.
        start_soon: runs an async function beside everything else.
    """

    def __init__(self, judge: Judge, start_soon: Callable[..., None]) -> None:
        self._judge = judge
        self._start_soon = start_soon
        self._waiting: set[Asker] = set()

    def ask(self, applicant: Applicant, asker: Asker, go_on: Callable[[Verdict], None]) -> None:
        """Call `go_on` with the verdict, now or later.

        Raises:
            ProtocolError: what is wrong is known at once; `asker` is still to be refused with it.
            ActorEndedError: the same.
        """
        try:
            verdict = self._judge(applicant)
            if not inspect.isawaitable(verdict):
                go_on(verdict)
                return
        except (ProtocolError, ActorEndedError):
            raise
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            raise refusal_of_authenticator() from None
        self._waiting.add(asker)
        self._start_soon(self._await, verdict, asker, go_on)

    def forget(self, asker: Asker) -> bool:
        """Let nothing come of a question; returns whether it had not been answered yet."""
        if asker not in self._waiting:
            return False
        self._waiting.discard(asker)
        return True

    async def _await(
        self, verdict: Awaitable[Verdict], asker: Asker, go_on: Callable[[Verdict], None]
    ) -> None:
        try:
            judged = await verdict
            if self.forget(asker):
                go_on(judged)
        except (ProtocolError, ActorEndedError) as error:
            refusal = refusal_of(error)
        except BaseException as error:  # here it ends: raised further, it would end the actor system
            if escapes(error):
                raise
            refusal = refusal_of_authenticator()
        else:
            return
        finally:
            self.forget(asker)
        asker.refuse(refusal)


def judge_by_namespace(judge: Judge | None, judges: Mapping[str, Judge]) -> Judge | None:
    """Return what asks, of those in a namespace that has a judge of its own, that one; of all others `judge`.

    Args:
        judge: that of all others; None lets them in.
        judges: by the names of namespaces.
    """
    if not judges:
        return judge

    def ask(applicant: Applicant) -> Verdict | Awaitable[Verdict]:
        chosen = judges.get(applicant.namespace or "", judge)
        return True if chosen is None else chosen(applicant)

    return ask


def judge_of(authenticator: Authenticator | Callable[[object], Verdict | Awaitable[Verdict]]) -> Judge:
    """Return what asks an authenticator: one that is a function is given the token, and no more."""
    if isinstance(authenticator, Authenticator):
        return authenticator.judge
    return lambda applicant: authenticator(applicant.token)
