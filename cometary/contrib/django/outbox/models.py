"""The table in which updates wait until they have been sent."""

from django.db import models
from django.utils import timezone


class Waiting(models.Model):
    """One update, as `cometary.contrib.kept.written` has it."""

    body = models.TextField()
    since = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"update {self.pk}"
