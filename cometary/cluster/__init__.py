"""Sessions that any node answers, and that outlive their node; see `docs/explanation/cluster.md`.

A single server imports nothing from this package except its options.
"""
