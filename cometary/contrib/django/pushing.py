"""Tells the push server what changes.

1. A change is pushed once it is committed: nobody hears of one that was rolled back.
2. A push goes through the outbox: a push server that is away, or slow, keeps nothing from being saved and no request
   waiting. That is in memory, or, with the application `cometary.contrib.django.outbox`, in the database itself.
3. Django has no signal for what `QuerySet.update`, `bulk_create`, `bulk_update` and plain SQL change. Whoever uses
   these says so with `update`.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models.signals import post_delete, post_save

from cometary.contrib.django.connections import outbox

DURABLE = "cometary.contrib.django.outbox"

Record = Callable[[Any], dict[str, object]]


def update(path: str, message: object = None, *, using: str | None = None) -> None:
    """Send `message` to every session that is connected to `path`, once the transaction is committed.

    Args:
        path: The path.
        message: The message; whatever JSON can carry.
        using: The database whose transaction it is; the default one unless given. Where there is no transaction
            nothing is waited for.
    """
    if apps.is_installed(DURABLE):
        import_module(f"{DURABLE}.rows").keep(path, message, using)  # whose model is there only then
    else:
        transaction.on_commit(partial(outbox().update, path, message), using=using, robust=True)


def pushes(model: type[models.Model], to: Callable[[Any], str]) -> Callable[[Record], Record]:
    """Have each object of a model that is saved or deleted pushed, as what the function returns for it.

    Of one that is deleted, `"DELETE": True` is added.

    Args:
        model: The class.
        to: Returns the path for an object, such as `lambda todo: f"todos/{todo.owner_id}"`.
    """

    def connect(record: Record) -> Record:
        def saved(instance: models.Model, using: str, *, raw: bool = False, **_: Any) -> None:
            if not raw:  # else it is a fixture that is being loaded, and what it refers to may not be there
                update(to(instance), record(instance), using=using)

        def deleted(instance: models.Model, using: str, **_: Any) -> None:
            update(to(instance), {**record(instance), "DELETE": True}, using=using)

        post_save.connect(saved, sender=model, weak=False)
        post_delete.connect(deleted, sender=model, weak=False)
        return record

    return connect
