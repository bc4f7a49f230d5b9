"""Tells the push server what has changed.

1. A path belongs to one user, and so does the right to hear it.
2. A change is pushed once it is committed: nobody hears of one that was rolled back.
3. A push server that is away keeps nothing from being saved: the failure is logged, and that is all.
"""

from functools import cache
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from cometary import Connector
from todo.models import Todo


@cache
def connector() -> Connector:
    """Return this process's connector; made on first use, and so after a fork."""
    return Connector(settings.PUSH_CONTROL, settings.PUSH_SECRET, timeout=1)


def path_of(user_id: int) -> str:
    """Return the path of one user's list (rule 1)."""
    return f"todos/{user_id}"


@receiver(post_save, sender=Todo)
def saved(instance: Todo, **_: Any) -> None:
    """Push a to-do that was made or changed."""
    push(instance, instance.record())


@receiver(post_delete, sender=Todo)
def deleted(instance: Todo, **_: Any) -> None:
    """Push that a to-do is gone."""
    push(instance, {**instance.record(), "DELETE": True})


def push(todo: Todo, message: dict[str, object]) -> None:
    """Push `message` to the windows of the to-do's owner (rules 2 and 3)."""

    def update() -> None:
        connector().update(path_of(todo.owner_id), message)

    transaction.on_commit(update, robust=True)
