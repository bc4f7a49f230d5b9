"""The inspector: a page that shows a server, or any actor system, while it runs.

    site.py        the sessions of the page, and the endpoints below `/inspector/`
    looks.py       what a page may ask to see
    pushing.py     the task that tells the pages what they look at, and nothing else
    tree.py        the supervision tree, as far as it is in view; one actor
    sessions.py    the living sessions, one of them, and those that have ended
    readings.py    what all sessions have done since the last reading: rates, and the busiest
    machines.py    a state machine as data for a drawing
    page/          the page: HTML, CSS and modules, without a build step

1.  While no page is open, it does nothing.
2.  A page is told only what it has in view: some lines of a list, one session, one actor. So the cost of a look does
    not grow with the server, except for what has to be searched or sorted; that is done a slice at a time.
3.  A page is told as much about a session as the control interface tells: never its id, nor what is in a packet.
4.  A page only looks. For actions (kick, kill, suspend) it calls the control interface, like everybody else.
"""
