"""Who may speak STOMP: those who show the server's secret, or whom the application lets in by login and passcode.

1.  Those who show the secret may do everything. Where there is neither a secret nor an application's rule
    (`@app.login`), everybody may; that is possible on loopback only.
2.  The rule is asked like an authenticator (`cometary.gate.judging`), with the same answers except for one. True is
    as good as the secret. An `Admission` allows the destinations that its `paths` cover, for as long as it says. A
    mapping, which for an authenticator is the data of a session, is not an answer: it names no destinations.
3.  An address may ask it as often in a minute as it may open sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from cometary.actors import Future
from cometary.errors import ActorEndedError, ProtocolError, UsageError
from cometary.gate.judging import Judging
from cometary.gate.refusals import refusal_of
from cometary.packets.patterns import Grants
from cometary.sessions import Applicant
from cometary.sessions.admission import admission_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.doors.control.rights import Secrets
    from cometary.gate.rate_limit import OpenLimiter
    from cometary.sessions.admission import Verdict

    Rule = Callable[[str, str], Verdict | Awaitable[Verdict]]


class Rights(NamedTuple):
    """What a client may do.

    Attributes:
        destinations: where it may send and what it may hear; None: everything.
        expires: seconds for which that is so; None: for ever.
    """

    destinations: Grants | None = None
    expires: float | None = None


EVERYTHING: Final = Rights()


class Login(Future[Rights]):
    """What becomes of one login."""

    def refuse(self, error: ProtocolError, /) -> None:
        """Say no."""
        self.offer(error=error)

    def judged(self, verdict: Verdict) -> None:
        """Take the answer of the application's rule (rule 2).

        Raises:
            ProtocolError: it is not let in.
            UsageError: it is not an answer; the rule's fault.
        """
        if verdict is True:
            self.offer(EVERYTHING)
        elif isinstance(verdict, Mapping):
            raise UsageError(
                "a rule for logins returns True, False or an Admission with paths, not a mapping"
            )
        else:
            admission = admission_of(verdict)
            self.offer(Rights(Grants(admission.paths), admission.expires))


class Logins:
    """Says who may speak.

    Args:
        secrets: the server's: those that are good for everything.
        rule: the application's, `rule(login, passcode)`; None for none.
        start_soon: runs an async function beside everything else.
        limiter: how often an address may ask.
    """

    def __init__(
        self,
        secrets: Secrets,
        rule: Rule | None,
        start_soon: Callable[..., None],
        limiter: OpenLimiter,
    ) -> None:
        self._secrets = secrets
        self._limiter = limiter
        self._judging: Judging | None = None
        if rule is not None:
            self._judging = Judging(partial(_ask, rule), start_soon)

    def ask(self, login: str, passcode: str, address: str) -> Login | Rights:
        """Return what a client may do, now or later.

        Raises:
            ProtocolError: it is not let in.
        """
        if self._secrets and self._secrets.allow_everything(passcode):
            return EVERYTHING
        if self._judging is None:
            if not self._secrets:
                return EVERYTHING
            raise ProtocolError("unauthorized", "The passcode has to be the server's secret.")
        self._limiter.check(address)
        answer = Login()
        try:
            self._judging.ask(Applicant((login, passcode), address), answer, answer.judged)
        except ActorEndedError as error:
            raise refusal_of(error) from None
        return answer


def _ask(rule: Rule, applicant: Applicant) -> Verdict | Awaitable[Verdict]:
    login, passcode = cast("tuple[str, str]", applicant.token)
    return rule(login, passcode)
