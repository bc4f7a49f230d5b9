"""Push for a web application, whatever it is written in: `cometary.contrib.flask` and `.fastapi` make views of it.

push: Push[str] = Push()

@push.authorize("notes/*")
def is_own(user: str, path: str) -> bool:
    return path == f"notes/{user}"

push.update("notes/ada", {"text": "Buy milk"})
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final, Generic, TypeVar, cast

from cometary.connector import Connector, Outbox
from cometary.contrib import wishes
from cometary.contrib.events import Events, Handler
from cometary.contrib.line import Line
from cometary.contrib.rules import Rule, Rules

User = TypeVar("User")

CLIENT: Final = Path(__file__).parents[1] / "demo/page/client"
"""Where the modules of the JavaScript client are."""

_SCRIPT: Final = """\
import {{ Comet }} from "./client/comet.js";

const url = (name) => new URL(name, import.meta.url).href;
const [connectUrl, disconnectUrl] = [url("connect"), url("disconnect")];
export const headers = {{}};
export const comet = new Comet({endpoint}, {{ connectUrl, disconnectUrl, backendHeaders: () => headers }});
"""


class Push(Generic[User]):
    """What an application pushes, and who may hear it.

    Args:
        url: Where the control interface of the push server is.
        secret: Its secret, if it has one.
        endpoint: Where browsers find the push server.
        timeout: Seconds that a page which connects its session waits for the push server at most.
        webhook_secret: What webhooks are signed with, `whsec_…`; None: none are taken.

    Raises:
        ValueError: `webhook_secret` is not one.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8081",
        secret: str | None = None,
        *,
        endpoint: str = "http://127.0.0.1:8080/comet",
        timeout: float = 1,
        webhook_secret: str | None = None,
    ) -> None:
        self._line = Line(url, secret, timeout=timeout)
        self._rules: Rules[User | None] = Rules(lambda user: user is not None)
        self._events = Events(webhook_secret)
        self.script = _SCRIPT.format(endpoint=json.dumps(endpoint))
        """A module for a URL beside those of the views: `comet`, the page's session, and `headers` for these."""

    @property
    def connector(self) -> Connector:
        """This process's connector, for calls that are waited for."""
        return self._line.connector

    @property
    def outbox(self) -> Outbox:
        """This process's outbox."""
        return self._line.outbox

    # -- for the application ------------------------------------------------------------------

    def update(self, path: str, message: object = None) -> None:
        """Send `message` to every session that is connected to `path`; nobody waits for it. Call it after the commit.

        Raises:
            TypeError, UsageError, ValueError: See `Outbox.update`.
        """
        self.outbox.update(path, message)

    def authorize(self, pattern: str, *, anonymous: bool = False) -> Callable[[Rule[User]], Rule[User]]:
        """Make a function the rule for paths: it takes the user and the path, and returns whether they may hear it.

        Of several rules that cover a path the first one holds; what none covers is refused.

        Args:
            pattern: Which paths it is for, such as `notes/*`.
            anonymous: Whether it is asked as well, with None, about those who have not logged in.

        Raises:
            PatternError: The caller's fault; `pattern` is not a pattern.
        """
        add = self._rules.authorize(pattern, anonymous=anonymous)
        return cast("Callable[[Rule[User]], Rule[User]]", add)  # with None it is asked only if it wishes

    def on(self, kind: str) -> Callable[[Handler], Handler]:
        """Have a function called with each webhook of a type: `signon`, `signoff`, `failure`, `receipt` or `message`.

        Raises:
            UsageError: There is no such type.
        """
        return self._events.on(kind)

    # -- for its views ------------------------------------------------------------------------

    def connect(self, user: User | None, content_type: str | None, body: bytes) -> HTTPStatus:
        """Answer a page that wants its session connected to paths."""
        return wishes.connect(self.connector, self._rules, user, wishes.read_wish(content_type, body))

    def disconnect(self, content_type: str | None, body: bytes) -> HTTPStatus:
        """Answer a page that wants its session disconnected from paths."""
        return wishes.disconnect(self.connector, wishes.read_wish(content_type, body))

    def webhook(self, headers: Mapping[str, str], body: bytes) -> HTTPStatus:
        """Answer the push server, which tells of a session."""
        return self._events.take(headers, body)
