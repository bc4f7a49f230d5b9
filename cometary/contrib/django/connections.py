"""The connector and the outbox of this process."""

from functools import cache
from typing import Any

from django.core.signals import setting_changed
from django.dispatch import receiver

from cometary.connector import Connector, Outbox
from cometary.contrib.django.conf import conf
from cometary.contrib.line import Line


@cache
def _line() -> Line:
    settings = conf()
    return Line(settings.url, settings.secret, timeout=settings.timeout)


def connector() -> Connector:
    """Return what makes calls that are waited for."""
    return _line().connector


def outbox() -> Outbox:
    """Return where updates wait for the push server, so that no request does."""
    return _line().outbox


@receiver(setting_changed)
def changed(setting: str, **_: Any) -> None:
    """Heed the settings of a test."""
    if setting == "COMETARY":
        _line.cache_clear()
