"""An actor that runs a state machine: OTP's gen_statem as a process.

from cometary.statem import MachineActor

door = MachineActor.start(DoorLock, "42")
door.tell(Button("4"))
print(await door.ask(CodeLength()))
"""

from __future__ import annotations

from cometary.statem.actor import MachineActor, MachineState

__all__ = ["MachineActor", "MachineState"]
