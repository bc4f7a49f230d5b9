"""Who may hear what.

1. Rules are asked with the request, behind the project's middleware: `request.user` is whom Django takes it for.
2. Nothing is heard that no rule permits, and nobody who has not logged in hears anything unless a rule says that it
   is for them as well.
"""

from collections.abc import Callable

from django.http import HttpRequest

from cometary.contrib.rules import Rules

Rule = Callable[[HttpRequest, str], bool]

RULES: Rules[HttpRequest] = Rules()


def authorize(pattern: str, *, anonymous: bool = False) -> Callable[[Rule], Rule]:
    """Make a function the rule for paths: it takes the request and the path, and returns whether that may be heard.

    Of several rules that cover a path the first one holds.

    Args:
        pattern: Which paths it is for, such as `todos/*`.
        anonymous: Whether it is asked about users who have not logged in as well.

    Raises:
        PatternError: The caller's fault; `pattern` is not a pattern.
    """
    add_rule = RULES.authorize(pattern)

    def add(rule: Rule) -> Rule:
        add_rule(lambda request, path: (anonymous or request.user.is_authenticated) and rule(request, path))
        return rule

    return add
