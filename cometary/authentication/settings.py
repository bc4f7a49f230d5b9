"""What an operator can say of who is let in: signed tokens, or a back-end that is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cometary.authentication.signature import read_secret
from cometary.config import kinds
from cometary.config.kinds import Kind
from cometary.config.option import option
from cometary.config.section import Section
from cometary.errors import ConfigError


def _check_signing_secret(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - the one error of kinds
    read_secret(value)
    return value


def _check_token_secrets(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return _SEVERAL_SECRETS.check([value])
    if not value:  # none would mean that everybody is let in
        raise ValueError
    return _SEVERAL_SECRETS.check(value)


SIGNING_SECRET: Final = Kind(
    "whsec_ and then the base64 of 24 to 64 bytes", _check_signing_secret, _check_signing_secret
)
"""A key that what is sent to a back-end is signed with."""

_SEVERAL_SECRETS: Final = kinds.several(kinds.matching(r"[!-+\--~]{32,}", "a secret"), "secrets")
TOKEN_SECRETS: Final = Kind(
    "one or more secrets of 32 characters or more, without spaces, separated by commas",
    _check_token_secrets,
    lambda text: _check_token_secrets(kinds.listed(text)),
)
_UNSIGNED: Final = (
    "the questions are signed, so there has to be COMETARY_AUTH_SECRET, or auth-secret in the file"
)


@dataclass(frozen=True, kw_only=True)
class AuthenticationSection(Section):
    """The operator's authenticator, if there is one."""

    token_secret: tuple[str, ...] = option(
        (),
        TOKEN_SECRETS,
        "What the tokens that let clients in are signed with; several while one replaces another.",
        secret=True,
        live=True,
    )
    token_audience: str | None = option(
        None,
        kinds.matching(r"\S+", "text without spaces"),
        "The audience that signed tokens have to name.",
        live=True,
    )
    token_once: str = option(
        "off",
        kinds.choice("off", "on"),
        "Whether each signed token is good once; it then needs a jti.",
    )
    auth_url: str | None = option(
        None, kinds.URL, "Where a back-end is asked about each token; it needs auth-secret.", shown=False
    )
    auth_secret: str | None = option(
        None, SIGNING_SECRET, "The key that the questions to auth-url are signed with.", secret=True
    )
    auth_timeout: float = option(
        5, kinds.seconds(0.1, 300), "How long a client waits for the verdict at most."
    )
    auth_connections: int = option(8, kinds.whole(1, 256), "The most questions under way at one time.")
    auth_queue: int = option(
        1000, kinds.whole(0, 1_000_000), "The most further questions that wait; clients beyond it try later."
    )

    def check(self) -> None:
        """See whether what is asked can be signed."""
        if self.auth_url is not None and self.auth_secret is None:
            raise ConfigError("auth-url", _UNSIGNED)
