"""The comet wire: long-polling, as `docs/protocol.md` has it."""
