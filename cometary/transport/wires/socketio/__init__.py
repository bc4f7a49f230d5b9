"""Socket.IO, version 5 of the protocol, on Engine.IO: each namespace that a client connects to is a session."""
