"""STOMP 1.0, 1.1 and 1.2 for back-ends, over TCP and WebSockets. Source: https://stomp.github.io, all versions."""
