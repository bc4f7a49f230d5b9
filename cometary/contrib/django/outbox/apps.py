"""The application, for Django."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """Updates that wait in the database."""

    name = "cometary.contrib.django.outbox"
    label = "cometary_outbox"
    verbose_name = "Push: what waits"
    default_auto_field = "django.db.models.BigAutoField"
