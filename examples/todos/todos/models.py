"""What there is to do. Nothing here knows of the push server."""

from django.conf import settings
from django.db import models


class Todo(models.Model):
    """One thing that one user has to do."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    text = models.CharField(max_length=200)
    done = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.text

    def record(self) -> dict[str, object]:
        """Return what a browser may know of it."""
        return {"id": self.pk, "text": self.text, "done": self.done}
