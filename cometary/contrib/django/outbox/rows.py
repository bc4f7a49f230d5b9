"""The rows of one database, and who sends them."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from django.db import connections, transaction

from cometary.contrib.django.connections import connector
from cometary.contrib.django.outbox.models import Waiting
from cometary.contrib.kept import Kept, Sender, written

SENDER = Sender(connector, rest=connections.close_all)


class Rows(NamedTuple):
    """What waits in one database.

    Attributes:
        using: the database's name.
    """

    using: str

    def oldest(self, count: int) -> Sequence[Kept]:
        """Return the first so many."""
        rows = Waiting.objects.using(self.using).order_by("pk")[:count]
        return [Kept(row.pk, row.since.timestamp(), row.body) for row in rows]

    def forget(self, ids: Sequence[int]) -> None:
        """Delete some."""
        Waiting.objects.using(self.using).filter(pk__in=ids).delete()


def keep(path: str, message: object, using: str | None) -> None:
    """Write an update down, in the transaction that is under way, and have it sent once that is committed."""
    name = using or "default"
    Waiting.objects.using(name).create(body=written(path, message))
    transaction.on_commit(partial(SENDER.wake, Rows(name)), using=name, robust=True)
