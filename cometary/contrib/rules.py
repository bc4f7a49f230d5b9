"""Who may hear what: the rules that an application gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from cometary.errors import ProtocolError
from cometary.packets.paths import CONTROL_PREFIX, check_path
from cometary.packets.patterns import ANY_SEGMENT, Pattern

Who = TypeVar("Who")
Rule = Callable[[Who, str], object]
"""Takes who asks and the path; True permits it."""


class Rules(Generic[Who]):
    """Rules by the patterns of paths; what none of them permits is refused.

    Args:
        has_logged_in: Says whether who asks has.
    """

    def __init__(self, has_logged_in: Callable[[Who], bool]) -> None:
        self._has_logged_in = has_logged_in
        self._rules: list[tuple[Pattern, Rule[Who], bool]] = []

    def authorize(self, pattern: str, *, anonymous: bool = False) -> Callable[[Rule[Who]], Rule[Who]]:
        """Make a function the rule for paths: it takes who asks and the path, and returns whether they may hear it.

        Of several rules that cover a path the first one holds, as with `app.authorize`.

        Args:
            pattern: Which paths it is for, such as `todos/*`.
            anonymous: Whether it is asked about those who have not logged in as well.

        Raises:
            PatternError: The caller's fault; `pattern` is not a pattern.
        """
        compiled = Pattern.compile(pattern)

        def add(rule: Rule[Who]) -> Rule[Who]:
            self._rules.append((compiled, rule, anonymous))
            return rule

        return add

    def may_hear(self, who: Who, path: str) -> bool:
        """Whether the rule for `path` permits it.

        It has to be a path: a pattern would cover what no rule was asked about, and control paths are the server's.
        """
        try:
            check_path(path, from_client=True)
        except ProtocolError:
            return False
        if ANY_SEGMENT in path or path.startswith(CONTROL_PREFIX):
            return False
        for pattern, rule, anonymous in self._rules:
            if pattern.matches(path):
                return (anonymous or self._has_logged_in(who)) and rule(who, path) is True
        return False
