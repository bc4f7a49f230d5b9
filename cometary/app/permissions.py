"""Permissions: which paths a client may connect itself to, if it asks.

1.  None, unless one of these says so: the token that the client was let in on, by the paths that it names; or the
    application, by what was declared for the path with `App.authorize`.
2.  Of several rules that cover a path the one declared first holds. It says yes by returning True, or an awaitable
    of that; nothing else is a yes.
3.  A client may wish for a pattern with stars. Then a path in the token has to cover all that it covers, and a rule has
    to have been declared for such wishes as well: a rule that looks at paths would be led astray by a star.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, NamedTuple

from cometary.errors import PatternError, RefusedError, UsageError
from cometary.packets.patterns import Pattern
from cometary.packets.question import withdrawal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cometary.sessions import Session

    Authorizer = Callable[[Session, str], bool | Awaitable[bool]]


class Rule(NamedTuple):
    """What was declared for a pattern.

    Attributes:
        pattern: which paths it is for.
        authorizer: says yes or no.
        stars: whether it is asked about patterns with stars.
    """

    pattern: Pattern
    authorizer: Authorizer
    stars: bool


class Permissions:
    """The rules of one application."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def declare(self, pattern: str, authorizer: Authorizer, *, stars: bool) -> None:
        """Ask `authorizer` about the paths that `pattern` covers, and that no rule declared before covers."""
        self._rules.append(Rule(Pattern.compile(pattern), authorizer, stars))

    def refused(self, session: Session, paths: Sequence[str]) -> list[str] | Awaitable[list[str]]:
        """Return which of these the client may not connect itself to; or what is to be awaited for that.

        Raises:
            RefusedError: `bad-request`: one of them is not a pattern; the client's fault.
        """
        refused: list[str] = []
        for place, path in enumerate(paths):
            verdict = self._ask(session, compiled(path))
            if inspect.isawaitable(verdict):
                return self._refused_later(verdict, refused, session, paths[place:])
            if not is_yes(verdict):
                refused.append(path)
        return refused

    async def _refused_later(
        self, verdict: Awaitable[bool], refused: list[str], session: Session, paths: Sequence[str]
    ) -> list[str]:
        if not is_yes(await verdict):
            refused.append(paths[0])
        for path in paths[1:]:
            following = self._ask(session, compiled(path))
            if not is_yes(await following if inspect.isawaitable(following) else following):
                refused.append(path)
        return refused

    def covers(self, path: str) -> bool:
        """Whether there is a rule for `path`."""
        wish = Pattern.compile(path)
        return any(rule.pattern.includes(wish) for rule in self._rules)

    def _ask(self, session: Session, wish: Pattern) -> bool | Awaitable[bool]:
        if session.granted.cover(wish):
            return True
        for rule in self._rules:
            if rule.pattern.includes(wish):
                return (wish.exact or rule.stars) and rule.authorizer(session, wish.text)
        return False


def withdraw(session: Session, paths: Sequence[str]) -> None:
    """Disconnect a session from paths, and tell its client."""
    if paths:
        session.disconnect(*paths)
        session.send(*withdrawal(paths))


def compiled(path: str) -> Pattern:
    """Return a client's wish, which is a path or a pattern.

    Raises:
        RefusedError: `bad-request`: it is neither.
    """
    try:
        return Pattern.compile(path)
    except PatternError as error:
        raise RefusedError(str(error), "bad-request") from None


def is_yes(verdict: object) -> bool:
    """Whether an authorizer has said yes.

    Raises:
        UsageError: if it is neither yes nor no; the authorizer's fault. An object that merely happens to be truthy lets
            nobody hear anything.
    """
    if isinstance(verdict, bool):
        return verdict
    raise UsageError(f"an authorizer returns True or False, not a {type(verdict).__name__}")
