"""Sessions that any node answers and that outlive their node; see `docs/explanation/cluster.md`.

A server by itself imports nothing of this package.
"""
