"""Several servers, on several machines, that act as one for their clients: any node answers for any session.

See `docs/how-to/nodes.md`. A server by itself imports nothing from this package.
"""
