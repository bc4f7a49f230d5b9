"""The server as `--reload` starts it: it stops when nobody holds the other end of its standard input any more.

However the restarting process ends, even if it is killed, the kernel closes that end. (The signal that Linux sends on
a parent's death is not enough: it is sent on the death of the thread that started the process.)
"""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread

from cometary.cli import main


def take_standard_input() -> int:
    """Leave the application an empty standard input; returns the descriptor of the original one."""
    held = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return held


def stop_with(held: int) -> None:
    """Stop this process, as SIGTERM does, once the other end of a pipe is closed."""
    os.read(held, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    Thread(target=stop_with, args=(take_standard_input(),), daemon=True).start()
    sys.exit(main())
