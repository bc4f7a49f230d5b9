"""For tests of what is built with Cometary: probes, virtual time, orders that can be replayed, a model checker.

In a test run with pytest-trio, with the plugin `cometary.testing.plugin`:

async def test_the_teller_passes_on_what_was_paid(actor_system):
    bank = Probe.start("bank")
    teller = Teller.start(bank)
    teller.tell(Payment(5))
    await bank.expect(Deposit(5), within=1)
"""

from __future__ import annotations

from cometary.testing.explore import explore_orders
from cometary.testing.frozen import Freezer, freeze, thaw
from cometary.testing.machine_model import MachineModel
from cometary.testing.machines import MachineDriver
from cometary.testing.model_checker import check_model
from cometary.testing.models import Counterexample, Exploration, Goal, Model
from cometary.testing.order import run_in_order, seeded_order
from cometary.testing.probe import Probe

__all__ = [
    "Counterexample",
    "Exploration",
    "Freezer",
    "Goal",
    "MachineDriver",
    "MachineModel",
    "Model",
    "Probe",
    "check_model",
    "explore_orders",
    "freeze",
    "run_in_order",
    "seeded_order",
    "thaw",
]
