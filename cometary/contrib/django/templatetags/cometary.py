"""`{% load cometary %}{% comet %}`: what a page's script has to know of the push server, and the script itself."""

from typing import Any

from django import template
from django.conf import settings
from django.middleware.csrf import get_token
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString

from cometary.contrib.django.conf import conf

register = template.Library()


@register.simple_tag(takes_context=True)
def comet(context: template.Context) -> SafeString:
    """Bring the client's script, and tell it where the push server is, where to ask for paths, and the CSRF token."""
    facts: dict[str, Any] = {
        "endpoint": conf().endpoint,
        "connectUrl": reverse("cometary:connect"),
        "disconnectUrl": reverse("cometary:disconnect"),
        "csrfHeader": settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-"),
        "csrfToken": get_token(context["request"]),
    }
    script = static("cometary/django.js")
    return format_html('{}\n<link rel="modulepreload" href="{}">', json_script(facts, "cometary"), script)
