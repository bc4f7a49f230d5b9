"""The names of BOSH and of XMPP, and the conditions by which a session ends."""

from __future__ import annotations

from typing import Final

HTTPBIND: Final = "http://jabber.org/protocol/httpbind"
XBOSH: Final = "urn:xmpp:xbosh"
CLIENT: Final = "jabber:client"
STREAMS: Final = "http://etherx.jabber.org/streams"
STREAM_ERRORS: Final = "urn:ietf:params:xml:ns:xmpp-streams"
STANZA_ERRORS: Final = "urn:ietf:params:xml:ns:xmpp-stanzas"
TLS: Final = "urn:ietf:params:xml:ns:xmpp-tls"
XML: Final = "http://www.w3.org/XML/1998/namespace"

BAD_REQUEST: Final = "bad-request"
HOST_UNKNOWN: Final = "host-unknown"
IMPROPER_ADDRESSING: Final = "improper-addressing"
INTERNAL_SERVER_ERROR: Final = "internal-server-error"
ITEM_NOT_FOUND: Final = "item-not-found"
POLICY_VIOLATION: Final = "policy-violation"
REMOTE_CONNECTION_FAILED: Final = "remote-connection-failed"
REMOTE_STREAM_ERROR: Final = "remote-stream-error"
SYSTEM_SHUTDOWN: Final = "system-shutdown"

LEGACY: Final = {BAD_REQUEST: 400, POLICY_VIOLATION: 403, ITEM_NOT_FOUND: 404}
"""The statuses that stand for conditions, for clients that do not give a version (XEP-0124, section 17.1)."""
