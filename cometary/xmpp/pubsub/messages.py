"""Messages of the application, and what XMPP's items consist of: each as the other. No socket, no clock.

1.  A message is a `<json/>` (XEP-0335), with the message in JSON.
2.  The other way round, what is in a `<json/>` is the message. Of anything else the message is its XML, as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

import msgspec

from cometary.errors import StanzaError
from cometary.packets.plain_values import plain_value
from cometary.xmpp.names import JSON
from cometary.xmpp.xml import make, write

if TYPE_CHECKING:
    from cometary.xmpp.pubsub.values import Item

_TAG = f"{{{JSON}}}json"
_encode = msgspec.json.Encoder(enc_hook=plain_value).encode


def payload_of(message: Any) -> Element:
    """Return what an item consists of, given a message."""
    return make(JSON, "json", text=_encode(message).decode())


def message_of(item: Item) -> Any:
    """Return the message that an item is; None if it is empty.

    Raises:
        StanzaError: `bad-request`: what it says is JSON is not; its sender's fault.
    """
    payload = item.payload
    if payload is None:
        return None
    if payload.tag != _TAG:
        return write(payload).decode()
    try:
        return msgspec.json.decode(payload.text or "")
    except (ValueError, RecursionError):
        raise StanzaError("bad-request", "that is not JSON", pubsub="invalid-payload") from None
