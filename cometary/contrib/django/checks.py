"""System checks: what is wrong with the settings is said when Django starts, in a line that says what to write."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.urls import NoReverseMatch, reverse

from cometary.authentication.signature import read_secret
from cometary.contrib.django.conf import NAMES, conf, given
from cometary.gate.rate_limit import is_loopback

AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


@register
def check_settings(**_: Any) -> list[CheckMessage]:
    """Look at COMETARY."""
    if not isinstance(cast("object", given()), dict):
        return [
            Error("COMETARY has to be a dict.", hint='Such as COMETARY = {"SECRET": …}.', id="cometary.E001")
        ]
    return [*_unknown(), *_urls(), *_numbers(), *_secrets()]


@register
def check_project(**_: Any) -> list[CheckMessage]:
    """Look at what else the project needs."""
    found: list[CheckMessage] = []
    if AUTHENTICATION not in settings.MIDDLEWARE:
        found.append(
            Error(
                "Rules need to know who asks.",
                hint=f"Put {AUTHENTICATION!r} into MIDDLEWARE.",
                id="cometary.E006",
            )
        )
    try:
        reverse("cometary:connect")
    except NoReverseMatch:
        hint = 'Add path("comet/", include("cometary.contrib.django.urls")) to urlpatterns.'
        found.append(checks.Warning("Pages have nowhere to ask for paths.", hint=hint, id="cometary.W001"))
    return found


def _unknown() -> Iterator[CheckMessage]:
    for name in given():
        if name not in NAMES:
            near = get_close_matches(str(name).upper(), NAMES, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(sorted(NAMES))}."
            yield Error(f"COMETARY has no setting {name!r}.", hint=hint, id="cometary.E002")


def _urls() -> Iterator[CheckMessage]:
    for name in ("URL", "ENDPOINT"):
        url = getattr(conf(), name.lower())
        relative = name == "ENDPOINT" and str(url).startswith("/")
        if not relative and not _is_url(url):
            hint = (
                "Such as 'http://127.0.0.1:8081'." if name == "URL" else "Such as '/comet', behind one proxy."
            )
            yield Error(f"COMETARY[{name!r}] is {url!r}, which is not a URL.", hint=hint, id="cometary.E003")


def _numbers() -> Iterator[CheckMessage]:
    timeout = cast("object", conf().timeout)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= 300:  # noqa: PLR2004
        text = f"COMETARY['TIMEOUT'] is {timeout!r}."
        yield Error(text, hint="It is seconds, more than 0 and at most 300.", id="cometary.E004")


def _secrets() -> Iterator[CheckMessage]:
    if _is_url(conf().url) and conf().secret is None and not is_loopback(urlsplit(conf().url).hostname or ""):
        hint = "Give COMETARY['SECRET'] and the push server's COMETARY_SECRET the same value."
        yield Error(
            "The push server is on another machine, and has no secret.", hint=hint, id="cometary.E005"
        )
    secret = conf().webhook_secret
    if secret is not None:
        try:
            read_secret(secret)
        except (ValueError, AttributeError) as error:
            yield Error(f"COMETARY['WEBHOOK_SECRET'] is wrong: {error}.", id="cometary.E007")


def _is_url(url: object) -> bool:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        return parts is not None and parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
