"""Proxies whose attributes type checkers know: a class that names those it lets through.

What any proxy has is found when it is asked for, so a type checker takes each of its attributes for anything. Here a
class says which there are, and refers to the actor's own methods for their parameters and results. Type checkers cannot
make such a class out of the actor's.

Source: Pykka, `pykka.typing`, where the class is for the checker alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from cometary.actors.actor import Actor
from cometary.actors.future import Future
from cometary.actors.ref import ActorRef

A = TypeVar("A", bound=Actor)
P = ParamSpec("P")
T = TypeVar("T")


class Proxy(Generic[A]):
    """The base of proxies to an actor of the class `A`, with what they let through: `proxy_method`, `proxy_field`.

    Args:
        ref: the actor; a supervisor may restart it, as behind any proxy.

    Attributes:
        untyped: the proxy that lets everything through.

    Raises:
        pykka.ActorDeadError: if the actor has ended for good.
    """

    def __init__(self, ref: ActorRef[A]) -> None:
        self.actor_ref = ref
        self.untyped = ref.proxy()


class _Member:
    """What a class of proxies lets through; without a name, by its own."""

    def __init__(self, name: str = "") -> None:
        self._name = name

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = self._name or name

    def __get__(self, proxy: Proxy[Any] | None, owner: type) -> Any:
        return self if proxy is None else getattr(proxy.untyped, self._name)

    def __set__(self, proxy: Proxy[Any], value: object) -> None:
        raise AttributeError(f"call a method that sets {self._name}")


class _Method(_Member, Generic[P, T]):
    # For type checkers: one that lets a method through.

    @overload
    def __get__(self, proxy: None, owner: type) -> _Method[P, T]: ...

    @overload
    def __get__(self, proxy: Proxy[Any], owner: type) -> Callable[P, Future[T]]: ...

    def __get__(self, proxy: Proxy[Any] | None, owner: type) -> Any:
        return super().__get__(proxy, owner)


@overload
def proxy_method(method: Callable[Concatenate[Any, P], Awaitable[T]]) -> _Method[P, T]: ...


@overload
def proxy_method(method: Callable[Concatenate[Any, P], T]) -> _Method[P, T]: ...


def proxy_method(method: Callable[..., Any]) -> Any:
    """Let a method of the actor through; a call returns a future.

    Args:
        method: the actor's, as in `deposit = proxy_method(Account.deposit)`.
    """
    return _Member(getattr(method, "__name__", ""))


def proxy_field() -> Any:
    """Let an attribute of the actor through, which has the same name.

    Write `balance: Future[int] = proxy_field()`; that it is an `int`, nobody checks.
    """
    return _Member()
