"""The application, for Django."""

from importlib import import_module

from django.apps import AppConfig


class TodoConfig(AppConfig):
    """Lists of things to do."""

    name = "todo"

    def ready(self) -> None:
        """Have what is saved and deleted pushed."""
        import_module("todo.push")
