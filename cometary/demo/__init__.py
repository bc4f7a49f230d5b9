"""The demo: one page that shows what the server does, while it does it.

    application.py     the application: its parts, put together
    chat.py            who is there and what they say
    delivery.py        two numbered streams, one each way, in which any loss would show
    jobs.py            the server's end of the back-end process: what it is asked to do
    backend.py         the back-end, a program of its own that uses the control interface
    observation.py     what moved in the sessions' machines, in few words (pure)
    watching.py        the tasks that tell the pages of machines, tree and crashes
    page/              the page: HTML, CSS and modules, without a build step

`page/client/` holds links to `clients/javascript/src/`: there is one source, and a wheel has the
files themselves.
"""

from __future__ import annotations

from cometary.demo.application import app

__all__ = ["app"]
