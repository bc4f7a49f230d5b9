"""Modes of `cometary chaos` that break nodes, what is between them, or the engine that they share.

application.py     what the nodes serve: the bench's application, which tells of calls that a death has interrupted
own_engine.py      a Redis or Valkey of the bench's own
own_node.py        one node of the bench's own
relay.py           what stands between two, and holds back or delays what goes by
house.py           all of these, started and stopped together
balancer.py        what stands before the nodes: each request goes to the next one
resuming_page.py   a page whose session outlives its node
node_ledger.py     what became of its packets, and how long that took (pure)
moves.py           what all pages of a run tell of the sessions that went elsewhere (pure)
faults.py          what is broken, and mended
outcome.py         what is said of it at the end (pure)
"""
