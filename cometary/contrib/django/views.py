"""The views: what pages ask for, and what the push server tells.

1. `connect` and `disconnect` are behind the project's middleware, CSRF check included.
2. The ids of the push sessions that a login has connected are kept in its Django session, and these sessions are ended
   when it logs out: their windows may stay open.
"""

from functools import partial
from http import HTTPStatus
from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.dispatch import Signal, receiver
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from cometary.contrib import wishes
from cometary.contrib.django.conf import conf
from cometary.contrib.django.connections import connector
from cometary.contrib.django.permissions import RULES
from cometary.contrib.django.signals import BY_TYPE
from cometary.contrib.events import Events
from cometary.errors import ConnectorError, ControlError

SIDS = "cometary"
"""Where the Django session has the ids."""

MOST_SIDS = 50
"""Windows of one login that are remembered; of more, the newest."""


@require_POST
def connect(request: HttpRequest) -> HttpResponse:
    """Connect the page's session to paths, if the rules permit all of them."""
    wish = wishes.read_wish(request.content_type, request.body)
    status = wishes.connect(connector(), RULES, request, wish)
    if wish is not None and status == HTTPStatus.NO_CONTENT and request.user.is_authenticated:
        sids = [sid for sid in request.session.get(SIDS, ()) if sid != wish.sid]
        request.session[SIDS] = [*sids, wish.sid][-MOST_SIDS:]
    return HttpResponse(status=status)


@require_POST
def disconnect(request: HttpRequest) -> HttpResponse:
    """Disconnect the page's session from paths."""
    return HttpResponse(
        status=wishes.disconnect(connector(), wishes.read_wish(request.content_type, request.body))
    )


@csrf_exempt  # it is signed
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Take an event of the push server, and send the signal for it."""
    events = Events(conf().webhook_secret)
    for kind, signal in BY_TYPE.items():
        events.on(kind)(partial(_send, signal))
    return HttpResponse(status=events.take(request.headers, request.body))


def _send(signal: Signal, event: dict[str, Any]) -> None:
    signal.send(sender=None, event=event)


@receiver(user_logged_out)
def logged_out(request: HttpRequest, **_: Any) -> None:
    """End the push sessions of the login (rule 2)."""
    for sid in request.session.get(SIDS, ()):
        try:
            connector().kick(sid)
        except ControlError:
            continue  # it has ended
        except ConnectorError:
            return  # and so have all of them, or will when nobody can wait for it any more
