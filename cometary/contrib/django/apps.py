"""The application, for Django."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CometaryConfig(AppConfig):
    """Push."""

    name = "cometary.contrib.django"
    label = "cometary"
    verbose_name = "Push"

    def ready(self) -> None:
        """Have settings checked, and the module `push` of each application say what is pushed, and to whom."""
        import_module("cometary.contrib.django.checks")
        autodiscover_modules("push")
