"""Push for a Django project: `"cometary.contrib.django"` in INSTALLED_APPS, and `push.py` in an application of yours.

    from cometary.contrib.django import authorize, pushes

Settings are in `COMETARY`, see `conf`. Pages have `{% load cometary %}{% comet %}` and import `cometary/django.js`.
`manage.py comet` runs the push server beside `runserver`. The modules `push` of all installed applications are imported
when Django starts.
"""

from cometary.contrib.django.connections import connector, outbox
from cometary.contrib.django.permissions import authorize
from cometary.contrib.django.pushing import pushes, update

__all__ = ["authorize", "connector", "outbox", "pushes", "update"]
