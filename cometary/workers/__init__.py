"""`cometary serve --workers N`: several processes that act as one server for clients, back-ends and operators.

Above all of them is one process, which supervises them and passes on what one has for another; see
`docs/how-to/workers.md`. A server by itself imports nothing from this package.
"""
