"""In a process that was forked every use of an actor from before says what is wrong, and none waits for ever."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os
from cometary.actors import Actor, ActorRegistry, Bounded, get_all, register, system_in_thread, whereis
from cometary.errors import ActorEndedError, NoSystemError

class Echo(Actor):
    def on_receive(self, message):
        return message

class AsyncEcho(Actor):
    async def on_receive(self, message):
        return message

def refused(call, kind, text):
    try:
        call()
    except kind as error:
        assert text in str(error), error
    else:
        raise AssertionError("not refused")

def check(refs):
    for ref in refs:
        assert not ref.is_alive()
        for call in (lambda: ref.tell(1), lambda: ref.ask(1), ref.proxy, lambda: ref.ask(1, block=False).get()):
            refused(call, ActorEndedError, "lives in the process that this one was forked from")
        assert ref.stop() is False
        ref.kill()
    refused(Echo.start, NoSystemError, "was forked from, and nowhere else: start one here")
    assert ActorRegistry.get_all() == []
    with system_in_thread():
        assert Echo.start().ask("new") == "new"

with system_in_thread():
    refs = [Echo.start(), AsyncEcho.start(), Echo.with_mailbox(Bounded(3)).start()]
    register("echo", refs[0])
    assert [ref.ask(1) for ref in refs] == [1, 1, 1]
    child = os.fork()
    if not child:
        check(refs)
    else:
        _, status = os.waitpid(child, 0)
        assert status == 0, status
        assert [ref.ask(2) for ref in refs] == [2, 2, 2]
        assert whereis("echo") is refs[0]
print("left" if child else "child left")
"""


def test_a_forked_process_leaves_its_parents_actors_behind() -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.splitlines() == ["child left", "left"]
