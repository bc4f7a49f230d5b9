"""`manage.py comet_outbox`: sends the updates that wait in the database, such as those that a crash has left there."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from cometary.contrib.django.connections import connector
from cometary.contrib.django.outbox.rows import Rows
from cometary.contrib.kept import send
from cometary.errors import ConnectorError, ControlError


class Command(BaseCommand):
    """Sends what waits, until it is interrupted."""

    help = "Send the updates that wait in the database."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how often, and from where."""
        parser.add_argument(
            "--once", action="store_true", help="Send what waits now, and end; fail if the server is away."
        )
        parser.add_argument("--every", type=float, default=1, help="Seconds between two looks. Default: 1.")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="Which database. Default: default.")

    def handle(self, *_: Any, once: bool, every: float, database: str, **__: Any) -> None:
        """Send it."""
        while True:
            try:
                send(connector(), Rows(database))
            except (ConnectorError, ControlError) as error:
                if once:
                    raise CommandError(f"not everything was sent: {error}") from error
                self.stderr.write(f"still waiting: {error}")
            if once:
                return
            connections.close_all()
            time.sleep(every)
