"""The command `cometary token`: a signed token for trying things out."""

from __future__ import annotations

import json
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cometary.config.kinds import seconds
from cometary.errors import ConfigError
from cometary.settings import load

LIFETIME: Final = seconds(1, 10**9)
DEFAULT_LIFETIME: Final = 60


def add_options(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("user", metavar="USER", nargs="?", default=None, help="Whose it is: the claim sub.")
    parser.add_argument(
        "--lifetime",
        metavar="SECONDS",
        default=str(DEFAULT_LIFETIME),
        help=f"For how long it is good. Allowed: {LIFETIME.allowed}. Default: {DEFAULT_LIFETIME}.",
    )
    parser.add_argument(
        "--claim",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="One more claim; JSON, or else text. May be given several times.",
    )
    parser.add_argument("--config", metavar="FILE", default=SUPPRESS, help="a TOML file with token-secret")


def run(given: Mapping[str, Any], environment: Mapping[str, str]) -> int:
    """Print a token that a server with the same secret takes.

    Args:
        given: the options, as text.
        environment: where the secret may be, as for `cometary serve`.

    Returns:
        The exit status, 0.

    Raises:
        ConfigError: some input was wrong, or there is no secret.
    """
    lifetime = _read_lifetime(given["lifetime"])
    claims = dict(_read_claims(given["claim"]))
    settings = load({name: given[name] for name in ("config",) if name in given}, environment)
    if not settings.token_secret:
        problem = "a token is signed, so it needs COMETARY_TOKEN_SECRET, or token-secret in the file"
        raise ConfigError("token", problem)
    from cometary.authentication import SignedToken  # noqa: PLC0415 - `--help` need not wait for it

    once = settings.token_once == "on"  # noqa: S105 - it is no secret
    authenticator = SignedToken(*settings.token_secret, audience=settings.token_audience, once=once)
    print(authenticator.make(given["user"], lifetime=lifetime, claims=claims))
    return 0


def _read_lifetime(text: str) -> float:
    try:
        return LIFETIME.parse(text)
    except ValueError:
        raise ConfigError("--lifetime", f"must be {LIFETIME.allowed}, not {text!r}") from None


def _read_claims(texts: Iterable[str]) -> Iterable[tuple[str, object]]:
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ConfigError("--claim", f"must be NAME=VALUE, not {text!r}")
        try:
            yield name, json.loads(value)
        except ValueError:
            yield name, value
