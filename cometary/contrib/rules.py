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
    """Rules by the patterns of paths; what none of them permits is refused."""

    def __init__(self) -> None:
        self._rules: list[tuple[Pattern, Rule[Who]]] = []

    def authorize(self, pattern: str) -> Callable[[Rule[Who]], Rule[Who]]:
        """Make a function the rule for paths: it takes who asks and the path, and returns whether they may hear it.

        Of several rules that cover a path the first one holds, as with `app.authorize`.

        Args:
            pattern: Which paths it is for, such as `todos/*`.

        Raises:
            PatternError: The caller's fault; `pattern` is not a pattern.
        """
        compiled = Pattern.compile(pattern)

        def add(rule: Rule[Who]) -> Rule[Who]:
            self._rules.append((compiled, rule))
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
        rule = next((rule for pattern, rule in self._rules if pattern.matches(path)), None)
        return rule is not None and rule(who, path) is True
