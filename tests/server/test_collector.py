"""How the collector is spared: what it looks at is bounded, and garbage is found all the same."""

from __future__ import annotations

import subprocess
import sys

from cometary.server import collector

PROGRAM = """
import gc, sys, weakref
from importlib.util import module_from_spec, spec_from_file_location

spec = spec_from_file_location("collector", sys.argv[1])  # alone, which takes a twentieth of the time
collector = module_from_spec(spec)
spec.loader.exec_module(collector)
collector.FEW, collector.LOOKS, collector.MORE = 100, 2, 10_000


class Node:
    def __init__(self):
        self.me = self


looked_at = []


def note(phase, look):
    if phase == "start":
        looked_at.append(sum(len(gc.get_objects(generation)) for generation in range(look["generation"] + 1)))


collector.spare_the_collector()
gc.callbacks.insert(0, note)
"""


def printed(program: str) -> str:
    """What a process of its own prints, since there is one collector in each."""
    command = [sys.executable, "-c", PROGRAM + program, str(collector.__file__)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_no_look_is_at_more_objects_however_many_live() -> None:
    most = printed(
        "living = [[number] for number in range(10_000)]\nprint(len(looked_at) > 50, max(looked_at))"
    )
    many, objects = most.split()
    assert many == "True"
    assert int(objects) < 200


def test_what_became_garbage_after_it_was_put_aside_is_freed_when_memory_has_grown() -> None:
    program = """
import trio
collector.spare_the_collector()


async def grow():
    nodes = [Node() for _ in range(1_000)]
    watched = weakref.ref(nodes[0])
    living = [[number] for number in range(1_000)]
    del nodes
    living.extend([number] for number in range(5_000))
    print(watched() is not None)
    for _ in range(1_000):
        living.extend([[number]] for number in range(1_000))
        await trio.lowlevel.checkpoint()
        if watched() is None:
            break
    print(watched() is None, max(looked_at) > 10_000)
    looked_at.clear()
    living.extend([number] for number in range(5_000))
    print(max(looked_at) < 200)


trio.run(grow)
"""
    assert printed(program).split("\n") == ["True", "True True", "True"]


def test_to_say_it_twice_changes_nothing() -> None:
    program = """
collector.spare_the_collector()
print(sum(type(each) is collector.PuttingAside for each in gc.callbacks))
"""
    assert printed(program) == "1"
