"""The Comet Session Protocol, draft 0.3: a stream of bytes by whatever a browser can do, as a wire of sessions."""
