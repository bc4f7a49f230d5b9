"""Namespaces: where clients of Socket.IO say that they belong; a part of `App`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

from cometary.app.authenticators import check_authenticator
from cometary.app.paths import Paths
from cometary.declarations import check_text
from cometary.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.app.authenticators import Authenticator

    A = TypeVar("A", bound=Authenticator)

NAME: Final = re.compile(r"/([\w.~-]+(/[\w.~-]+)*)?")


class Namespaces(Paths):
    """The namespaces of an application, and all that `Paths` has.

    Attributes:
        namespaces: by name, what decides who is let in there; None if the server's authenticator decides.
    """

    def __init__(self) -> None:
        super().__init__()
        self.namespaces: dict[str, Authenticator | None] = {}

    def namespace(self, name: str) -> Callable[[A], A]:
        """Declare a namespace for clients of Socket.IO, beside the main one, `/`; Socket.IO is spoken from then on.

        What it returns may be used to declare who is let in there, instead of what `authenticate` declares:

            @app.namespace("/admin")
            def admit(token): ...

        Args:
            name: such as `/admin`.

        Raises:
            UsageError: if that is not a name, or a server runs the application, or the authenticator cannot be called;
                the caller's fault, nothing has changed.
        """
        self._have_namespace("app.namespace", name)

        def declare(authenticator: A) -> A:
            check_authenticator("@app.namespace", authenticator)
            self.namespaces[name] = authenticator
            return authenticator

        return declare

    def _have_namespace(self, where: str, name: object) -> None:
        check_text(where, name, f'{where}("/NAME")')
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise UsageError(f'{where}("/NAME"): a namespace is a name with a slash before it, not {name!r}')
        if self._hub is not None:
            raise UsageError("a server runs the application: its namespaces are declared before")
        self.namespaces.setdefault(name, None)
