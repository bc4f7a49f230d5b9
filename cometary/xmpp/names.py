"""The namespaces that a component speaks."""

from __future__ import annotations

from typing import Final

COMPONENT: Final = "jabber:component:accept"
STREAM_ERRORS: Final = "urn:ietf:params:xml:ns:xmpp-streams"
STANZA_ERRORS: Final = "urn:ietf:params:xml:ns:xmpp-stanzas"
XML: Final = "http://www.w3.org/XML/1998/namespace"

DISCO_INFO: Final = "http://jabber.org/protocol/disco#info"
DISCO_ITEMS: Final = "http://jabber.org/protocol/disco#items"
FORMS: Final = "jabber:x:data"
HEADERS: Final = "http://jabber.org/protocol/shim"
JSON: Final = "urn:xmpp:json:0"
PING: Final = "urn:xmpp:ping"
RSM: Final = "http://jabber.org/protocol/rsm"

PUBSUB: Final = "http://jabber.org/protocol/pubsub"
PUBSUB_ERRORS: Final = f"{PUBSUB}#errors"
PUBSUB_EVENT: Final = f"{PUBSUB}#event"
PUBSUB_META_DATA: Final = f"{PUBSUB}#meta-data"
PUBSUB_OWNER: Final = f"{PUBSUB}#owner"
