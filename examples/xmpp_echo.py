"""An echo, as Wokkel's server-to-server example had it: whoever writes to any account of its domain hears it again.

XMPP_SECRET=secret cometary serve examples.xmpp_echo:app
"""

import os

from cometary import App
from cometary.xmpp import Component, Stanza
from cometary.xmpp.names import COMPONENT
from cometary.xmpp.xml import make

app = App()
component = Component(
    os.environ.get("XMPP_DOMAIN", "echo.localhost"),
    os.environ.get("XMPP_SECRET", "secret"),
    port=int(os.environ.get("XMPP_PORT", "5347")),
)
app.child(component.child())


@component.on_message
def echo(stanza: Stanza) -> None:
    """Say the same, in a message of the same type."""
    if stanza.body is not None and stanza.type != "error":
        kind = {"to": stanza.sender, "from": stanza.recipient, "type": stanza.type or None}
        component.send(make(COMPONENT, "message", kind, make(COMPONENT, "body", text=stanza.body)))


@component.on_presence
def be_there(stanza: Stanza) -> None:
    """Let everybody subscribe to the presence of every account, and be available."""
    for kind in {"subscribe": ("subscribed", None), "unsubscribe": ("unsubscribed",), "probe": (None,)}.get(
        stanza.type, ()
    ):
        presence = {"to": stanza.sender, "from": stanza.recipient, "type": kind}
        component.send(make(COMPONENT, "presence", presence))
