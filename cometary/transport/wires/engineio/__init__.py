"""Engine.IO, version 4: one connection with a client, by polling, by a WebSocket, or by the one after the other."""
