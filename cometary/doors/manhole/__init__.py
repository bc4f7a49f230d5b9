"""The manhole: a prompt inside the server that runs, at a Unix socket of its owner's.

    settings.py    the option
    door.py        the door: who may come in, and what they find there
    visitors.py    who may come in
    prompt.py      one prompt: what a line does
    conversation.py  the lines of JSON by which a prompt is spoken to

`cometary attach` (`cometary.cli.attaching`) is what people use it with.

1.  It is off unless asked for. Whoever can use it can do whatever the server can, so it has no lesser rights; it is for
    the user whose server it is, and root, and each line is in the log before it is run.
2.  A line runs on the loop, as a handler does: one that computes for long holds up everybody, which the watchdog tells.
    What it awaits holds up nobody, and can be interrupted. What it raises is its own.
"""
