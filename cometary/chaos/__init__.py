"""`cometary chaos`: a bench that breaks a server's connections and counts what that costs.

    plan.py            what one run is to do, checked (pure)
    habits.py          how pages misbehave: the modes (pure)
    application.py     the application at the other end; `add_echo` gives a user's own app the same
    conversation.py    one page's side of the comet protocol (pure)
    ledger.py          what was lost, doubled or put out of order (pure)
    recovery.py        how long a replay takes after an outage (pure)
    quantiles.py       many durations in little memory (pure)
    breaks.py          when and how a connection is broken (pure)
    wire.py            one connection: requests out, answers in
    line.py            one connection of a page, and all that can happen to it
    zombies.py         connections that were left open and never closed
    bodies.py          what a page reads
    shared.py          what all pages have in common: where they connect, what they measure
    page.py            one page: a session, its two lines, what it sends
    fleet.py           all pages of a run
    crashing.py        crashes session actors through the control interface
    memory.py          whether the server's memory stays flat
    own_server.py      a server of the bench's own
    progress.py        what is said while it runs
    report.py          what is said at the end
    bench.py           a run from its beginning to its report

The pages are many and small: what decides in them is pure, and what waits is Trio's.
"""
