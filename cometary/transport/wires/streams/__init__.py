"""The wires whose answer has no end: server-sent events, and fetch streams."""
