"""`manage.py comet`: the push server, set up by the project's settings, beside `runserver`."""

import os
from argparse import REMAINDER
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from cometary import cli
from cometary.contrib.django.conf import Conf, conf

RUNSERVER = ("http://127.0.0.1:8000", "http://localhost:8000")
"""Where `runserver` has its pages, unless it is told otherwise."""


class Command(BaseCommand):
    """Runs the push server, until it is interrupted."""

    help = "Run the push server that COMETARY speaks of, beside runserver."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what `cometary serve` takes, too."""
        parser.add_argument(
            "--origins",
            default=",".join([*RUNSERVER, *settings.CSRF_TRUSTED_ORIGINS]),
            help="Whose pages may use it. Default: those of runserver, and CSRF_TRUSTED_ORIGINS.",
        )
        parser.add_argument("options", nargs=REMAINDER, help="More options of `cometary serve`, after --.")

    def handle(self, *_: Any, origins: str, options: list[str], **__: Any) -> None:
        """Run it in this process."""
        said = conf()
        if said.secret is not None:
            os.environ.setdefault("COMETARY_SECRET", said.secret)
        if said.webhook_secret is not None:
            os.environ.setdefault("COMETARY_WEBHOOK_SECRET", said.webhook_secret)
        given = ["--origins", origins, *_addresses(said), *(each for each in options if each != "--")]
        status = cli.main(["serve", *([said.app] if said.app else []), *given])
        if status:
            raise CommandError("the push server did not run", returncode=status)


def _addresses(conf: Conf) -> list[str]:
    """Where it is to listen, so that Django and browsers find it."""
    control, endpoint = urlsplit(conf.url), urlsplit(conf.endpoint)
    found = ["--control", f"{control.hostname}:{_port(control, 8081)}"]
    if endpoint.hostname:  # else browsers find it through a proxy
        found += ["--host", endpoint.hostname, "--port", str(_port(endpoint, 8080))]
    return [*found, "--comet", endpoint.path or "/comet"]


def _port(parts: SplitResult, default: int) -> int:
    return default if parts.port is None else parts.port
