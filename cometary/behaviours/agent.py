"""An agent: an actor around one value, which others look at and change by functions.

1.  A function runs in the agent, in its turn; what it calls must not wait. So nobody comes between it and the value.
2.  One that raises, `Exception` or not, has changed nothing: whoever asked gets it, and the agent lives on (Pykka's
    rule). In a `cast` nobody asked, so the agent crashes; it does too if it cannot make its first value.
3.  A supervisor that restarts it has it make its first value anew.

Source: Elixir, `Agent`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from cometary.actors import Actor
from cometary.actors.names import Whom
from cometary.behaviours.calls import at_once, behaviour_meant, for_the_caller
from cometary.behaviours.dropping import drop_message
from cometary.errors import UsageError
from cometary.log import get_logger, show

logger = get_logger("cometary.behaviours")

Function = Callable[[Any], Any]


def _itself(value: Any) -> Any:
    return value


class _Get(NamedTuple):
    """To the agent: what is this function of the value?"""

    function: Function


class _Update(NamedTuple):
    """To the agent: the value is what this function returns."""

    function: Function


class _GetAndUpdate(NamedTuple):
    """To the agent: this function returns an answer, and the value."""

    function: Function


_OURS: Final = frozenset({_Get, _Update, _GetAndUpdate})


class Agent(Actor):
    """Keeps one value. Start it with what makes that: `Agent.start(dict)`, `ChildSpec("agent", Agent, (dict,))`.

    Its methods that begin with the agent's reference, or name, are called on the class, from anywhere. On the loop they
    return a future, in other threads the answer.

    Args:
        make: called with `args` for the first value.
        *args: its arguments.

    Raises:
        UsageError: if `make` cannot be called; the caller's fault.
    """

    def __init__(self, make: Callable[..., Any], *args: Any) -> None:
        super().__init__()
        if not callable(make):
            raise UsageError(f"an agent is started with what makes its value, such as dict, not {show(make)}")
        self._make = make, args
        self._value: Any = None

    def on_start(self) -> None:
        """Make the first value."""
        make, args = self._make
        self._value = at_once(make(*args), "what makes the value of an agent")

    def on_receive(self, message: Any) -> Any:
        """Apply a function to the value."""
        if type(message) not in _OURS:
            drop_message(self.actor_ref, message)
            return None
        match message:
            case _Get(function):
                return self._apply(function)
            case _Update(function):
                self._value = self._apply(function)
            case _GetAndUpdate(function):
                answer, self._value = _pair(self._apply(function))
                return answer
            case _:
                pass
        return None

    def _apply(self, function: Function) -> Any:
        with for_the_caller():
            return at_once(function(self._value), "a function of an agent")

    # -- from outside -----------------------------------------------------------------------

    @staticmethod
    def get(agent: Whom, function: Function = _itself, *, timeout: float | None = None) -> Any:
        """Return `function(value)`, by default the value itself.

        Raises:
            UsageError: if it is another actor; the caller's fault.
            pykka.ActorDeadError: if there is no such agent, or it ends first.
            pykka.Timeout: after `timeout` seconds, as for `ask`.
            Exception: what `function` raises; nothing has changed.
        """
        return behaviour_meant(agent, Agent).ask(_Get(function), timeout=timeout)

    @staticmethod
    def update(agent: Whom, function: Function, *, timeout: float | None = None) -> Any:
        """Make `function(value)` the value; the answer is None. Errors as for `get`."""
        return behaviour_meant(agent, Agent).ask(_Update(function), timeout=timeout)

    @staticmethod
    def get_and_update(
        agent: Whom, function: Callable[[Any], tuple[Any, Any]], *, timeout: float | None = None
    ) -> Any:
        """Call `function(value)`, which returns the answer and the new value. Errors as for `get`."""
        return behaviour_meant(agent, Agent).ask(_GetAndUpdate(function), timeout=timeout)

    @staticmethod
    def cast(agent: Whom, function: Function) -> None:
        """Make `function(value)` the value, and wait for nothing; if it raises, the agent crashes.

        Raises:
            UsageError: if it is another actor; the caller's fault.
            pykka.ActorDeadError: if there is no such agent.
            MailboxFullError: if it has a mailbox with a bound, which is full, see `tell`.
        """
        behaviour_meant(agent, Agent).tell(_Update(function))

    # -- what cometary.actors.sys asks ------------------------------------------------------

    def system_get_state(self) -> Any:
        """See `sys.get_state`: the value."""
        return self._value

    def system_replace_state(self, state: Any) -> None:
        """See `sys.replace_state`."""
        self._value = state


def _pair(result: Any) -> tuple[Any, Any]:
    what: Any = result
    if type(result) is tuple and len(what) == len(("answer", "value")):
        return what[0], what[1]
    raise UsageError(f"the function of get_and_update returns an answer and a value, not {show(what)}")
