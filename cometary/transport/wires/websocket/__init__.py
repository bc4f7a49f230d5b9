"""The WebSocket wire: a session's packets and requests as frames on one connection (RFC 6455)."""
