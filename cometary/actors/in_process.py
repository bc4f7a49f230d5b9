"""What stands for something that lives in this process: a copy of it is itself, and it cannot leave."""

from __future__ import annotations

from typing import Any, NoReturn, Self

from cometary.errors import UsageError


class InProcess:
    """A base of references, proxies and futures."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled.

        Raises:
            UsageError: always; the fault of whoever pickles.
        """
        kind = type(self).__name__
        raise UsageError(f"{kind} belongs to this process, and cannot be pickled: send a name, or a value")
