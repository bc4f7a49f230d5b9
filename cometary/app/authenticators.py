"""Authenticators as applications declare them: a function of the token, or one that needs more than the token."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from cometary.declarations import check_handler
from cometary.errors import UsageError
from cometary.sessions.admission import Authenticator as AskingForMore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.sessions.admission import Verdict

    Authenticator = Callable[[object], Verdict | Awaitable[Verdict]] | AskingForMore


def check_authenticator(where: str, authenticator: object) -> None:
    """Check that something can be asked whether a session may be opened.

    Raises:
        UsageError: if it cannot; the calling code's fault.
    """
    if inspect.isclass(authenticator):  # a call would make an object, which is as good as True
        name = authenticator.__name__
        raise UsageError(f"{where}: write {name}(…), an object of the class, not {name}")
    if not isinstance(authenticator, AskingForMore):
        check_handler(where, authenticator, "token")
