"""The table in which updates wait until they have been sent."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils import timezone


class Waiting(models.Model):
    """One update, as `cometary.contrib.kept.written` has it."""

    body: models.TextField[str, str] = models.TextField()
    since: models.DateTimeField[datetime, datetime] = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"update {self.pk}"
