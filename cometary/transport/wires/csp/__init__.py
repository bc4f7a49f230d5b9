"""The Comet Session Protocol, draft 0.3: a stream of bytes by whatever means the browser has, as a wire of sessions."""
