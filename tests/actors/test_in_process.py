"""Actors live in one process: they cannot be pickled, a copy is the same, and a fork has none of them."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from cometary.actors import Actor, ActorRef, Future, system
from cometary.errors import UsageError
from cometary.fsm import State, StateMachine

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


@dataclass
class Order:
    customer: ActorRef[Any]


class Waiting(StateMachine):
    OPEN = State(initial=True)

    def __init__(self, customer: ActorRef[Any], answer: Future[Any]) -> None:
        super().__init__()
        self.customers = [customer]
        self.answer = answer


async def test_a_reference_is_copied_as_the_value_that_it_is() -> None:
    async with system():
        ref = Actor.start()
        proxy = ref.proxy()
        answer: Future[Any] = Future()
        assert copy.copy(ref) is ref
        assert copy.deepcopy([ref]) == [ref]
        assert copy.deepcopy(proxy) is proxy
        assert copy.deepcopy(answer) is answer
        assert asdict(Order(ref)) == {"customer": ref}
        twin = Waiting(ref, answer).snapshot()
        assert twin.customers == [ref]
        assert twin.answer is answer


async def test_a_reference_that_cannot_leave_its_process_says_so() -> None:
    async with system():
        ref = Actor.start()
        for each in (ref, Order(ref), ref.proxy(), ref.ask("x")):
            with pytest.raises(UsageError, match="belongs to this process, and cannot be pickled: send"):
                pickle.dumps(each)
