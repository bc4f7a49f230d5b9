"""The inspector: a page that shows a server, or any actor system, while it runs.

    site.py        the sessions of the page, and the endpoints below `/inspector/`
    looks.py       what a page may ask to see
    pushing.py     the task that tells the pages, and only what they look at
    tree.py        the supervision tree, as far as it is in view; one actor
    sessions.py    sessions that live, one of them, and those that have ended
    readings.py    what all sessions have done since the last reading: rates, and the busiest
    machines.py    a state machine as data for a drawing
    page/          the page: HTML, CSS and modules, without a build step

1.  While no page is open it does nothing.
2.  Nothing is told but what a page has in view: so many lines of a list, one session, one actor. So what a look costs
    does not grow with the server, but for what has to be searched or sorted; that is done a slice at a time.
3.  What is told of a session is what the control interface tells: never an id, nor what is in a packet.
4.  A page only looks. What it has done (kick, kill, suspend) it asks of the control interface, like everybody else.
"""
