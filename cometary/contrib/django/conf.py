"""The settings: what of `COMETARY` is not said has its default."""

from dataclasses import dataclass, fields
from typing import Any

from django.conf import settings


@dataclass(frozen=True)
class Conf:
    """What can be said in `COMETARY`, by the same names in capitals.

    Attributes:
        url: Where the control interface of the push server is, for Django alone.
        secret: Its secret, if it has one; it needs one when it is not on this machine.
        endpoint: Where browsers find the push server.
        timeout: Seconds that a request to the push server takes at most.
        app: `MODULE:APP` of an application that `manage.py comet` is to run in the push server, if there is one.
        webhook_secret: What webhooks are signed with, `whsec_…`; None: none are taken.
    """

    url: str = "http://127.0.0.1:8081"
    secret: str | None = None
    endpoint: str = "http://127.0.0.1:8080/comet"
    timeout: float = 1
    app: str | None = None
    webhook_secret: str | None = None


NAMES = frozenset(field.name.upper() for field in fields(Conf))


def given() -> dict[str, Any]:
    """Return what the project's settings say."""
    return getattr(settings, "COMETARY", {})


def conf() -> Conf:
    """Return the settings as they are now; `checks` has said what is wrong with them."""
    return Conf(**{name.lower(): value for name, value in given().items() if name in NAMES})
