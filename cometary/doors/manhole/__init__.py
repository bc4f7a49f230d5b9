"""The manhole: a prompt inside the running server, at a Unix socket for the server's user alone.

    settings.py    the option
    door.py        the door: who may come in, and what they find there
    visitors.py    who may come in
    prompt.py      one prompt: what a line does
    conversation.py  the lines of JSON, in both directions, between a prompt and its visitor

`cometary attach` (`cometary.cli.attaching`) is the client that people use.

1.  It is off by default. Anyone who can use it can do whatever the server can, so it knows no lesser rights: it is
    only for the user that runs the server, and root, and each line is logged before it is run.
2.  A line runs on the loop, like a handler: one that computes for long holds up everybody, and the watchdog warns of
    it. A line that awaits holds up nobody, and can be interrupted. What it raises harms nobody else.
"""
