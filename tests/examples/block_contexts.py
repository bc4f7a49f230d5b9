"""What the pieces of Python in the reference stand on: what a reader would have had to write before.

Each context is Python itself, run before its piece in the same names, on Trio inside an actor system and in virtual
time. A context that is None is for a program that runs by itself.
"""

from __future__ import annotations

from typing import Final

FRAMEWORK: Final = """
from typing import Any
import trio
from cometary.actors import *
from cometary.fsm import *
from cometary.statem import MachineActor
from cometary.supervision import *
"""
APPLICATION: Final = """
import time, trio
from cometary import App
from cometary.server import Running
from cometary.sessions import Failure
app = App()
"""
DOOR: Final = f"""{FRAMEWORK}
from examples.door_lock import *
from examples.door_lock import Bolt, Button, CodeLength, DoorLock
"""
NOBODY: Final = f"""{FRAMEWORK}
class Nobody(Actor):
    def __init__(self, *args): super().__init__()
    def on_receive(self, message): pass
async def listen(port): await trio.sleep_forever()
"""

CONTEXTS: Final[dict[tuple[str, str], str | None]] = {
    (
        "docs/how-to/receipts.md",
        'app.update("orders/7", {"state": "shipped"}, receipt="order-7-shipped")',
    ): """
from unittest.mock import create_autospec
from cometary import App, Session
app, session, text = create_autospec(App()), create_autospec(Session(None, None)), "text"
""",
    ("docs/how-to/test-actors.md", 'pytest_plugins = ["cometary.testing.plugin"]'): "",
    ("docs/reference/actors.md", "from dataclasses import dataclass"): None,
    (
        "docs/reference/actors.md",
        "from cometary.actors import Actor, Future, Proxy, proxy_field, proxy_method",
    ): "",
    ("docs/reference/actors.md", "import trio"): None,
    ("docs/reference/actors.md", "class Feed(Actor):"): FRAMEWORK,
    ("docs/reference/application.md", "@app.failure"): APPLICATION,
    ("docs/reference/application.md", "@app.task"): APPLICATION,
    ("docs/reference/fsm.md", "class DoorLock(StateMachine):"): DOOR,
    ("docs/reference/fsm.md", 'door = DoorLock("42")'): DOOR,
    ("docs/reference/fsm.md", "from cometary.statem import MachineActor"): f"""{DOOR}
class Motor(Actor):
    def on_receive(self, message): pass
motor = Motor.start()
""",
    ("docs/reference/fsm.md", "reports = []"): f"""{DOOR}
class Motor(Actor):
    def on_receive(self, message): pass
class Door(MachineActor):
    def __init__(self, *args): super().__init__(DoorLock, args[0])
    def perform(self, action): pass
motor = Motor.start()
""",
    ("docs/reference/supervision.md", "children = ["): f"""{NOBODY}
Ledger, sums = Nobody, {{}}
mailer, printer = ChildSpec("mailer", Nobody), ChildSpec("printer", Nobody)
""",
    ("docs/reference/supervision.md", "class Office(Supervisor):"): f"""{NOBODY}
Archive = Desk = Nobody
""",
    ("docs/reference/supervision.md", "class Sessions(DynamicSupervisor):"): f"""{NOBODY}
class Directory:
    def gave_up(self, ref, exit): pass
directory, Session, user = Directory(), Nobody, "ada"
ref = DynamicSupervisor.start()
directory.sessions = ref.actor_inbox.actor
""",
    ("docs/reference/supervision.md", "class Till(Actor):"): FRAMEWORK,
    ("docs/reference/sys.md", "from cometary.actors import sys"): f"""{NOBODY}
ref = Nobody.start()
""",
}
"""By page and first line."""
