"""Messages that say by their class what their answer is."""

from __future__ import annotations

from typing import Generic, TypeVar

R_co = TypeVar("R_co", covariant=True)


class Call(Generic[R_co]):
    """A message whose answer has a type: the base of its class, for type checkers.

    `class Balance(Call[int])` makes `ref.ask(Balance())` a `Future[int]`, and with `block=True` an `int`. It does
    nothing when the program runs, and has no attributes; that the handler's answer is one is for the actor to see
    to. Any other message may be asked as well, and its answer is `Any`.

    Source: OTP, `gen_server:call/2`.
    """

    __slots__ = ()
