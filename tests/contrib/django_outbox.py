"""A Django project with a database in a file, whose processes can be killed.

Arguments: the database, the push server, what to do.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["cometary.contrib.django", "cometary.contrib.django.outbox"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    COMETARY={"URL": sys.argv[2], "TIMEOUT": 10},
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command  # noqa: E402 - the settings come first
from django.db import connection, transaction  # noqa: E402

from cometary.contrib.django import update  # noqa: E402
from cometary.contrib.django.outbox.models import Waiting  # noqa: E402
from cometary.contrib.django.outbox.rows import Rows  # noqa: E402


def die() -> NoReturn:
    """Be killed, as if by the kernel."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def die_before_it_is_sent() -> None:
    """Commit an update, and die at once."""
    call_command("migrate", verbosity=0)
    with transaction.atomic():
        transaction.on_commit(die)
        update("todos/1", {"text": "first", "bytes": b"\0\xff"})


def die_before_it_is_forgotten() -> None:
    """Send what waits, and die before it is deleted."""

    def forget(rows: Rows, ids: Sequence[int]) -> None:
        del rows, ids
        die()

    Rows.forget = forget  # type: ignore[method-assign, assignment]
    call_command("comet_outbox", once=True)


def roll_back() -> None:
    """Change a mind."""
    with transaction.atomic():
        update("todos/1", "never")
        transaction.set_rollback(True)


def go_on() -> None:
    """Commit another update, one that the server refuses and one that is too old; and wait until all are gone."""
    roll_back()
    Waiting.objects.create(body='{"path": "", "message": "refused"}')
    too_old = Waiting.objects.create(body='{"path": "todos/1", "message": "too old"}')
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cometary_outbox_waiting SET since = '2020-01-01' WHERE id = %s", [too_old.pk])
    with transaction.atomic():
        update("todos/1", "second")
    while Waiting.objects.exists():
        time.sleep(0.01)


def try_once() -> None:
    """Commit an update while the server is away, and say that it waits."""
    update("todos/1", "third")
    call_command("comet_outbox", once=True)


globals()[sys.argv[3]]()
