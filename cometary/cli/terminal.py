"""The prompt of `cometary attach` at a terminal, with prompt_toolkit; an extra, `cometary[prompt]`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.python import PythonLexer  # type: ignore[import-untyped]

NAME: Final = re.compile(r"[\w.]+$")
"""What gets completed: a name, together with the names and dots before it."""


class ServerSide(Completer):
    """Completes names where they are defined: in the server.

    Args:
        complete: asks the server.
    """

    def __init__(self, complete: Callable[[str], list[str]]) -> None:
        self._complete = complete

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:  # noqa: ARG002
        """Yield the completions of the name before the cursor."""
        found = NAME.search(document.text_before_cursor)
        if found is not None:
            for one in self._complete(found[0]):
                shown = one.rpartition(".")[2]
                yield Completion(one, start_position=-len(found[0]), display=shown)


def terminal(complete: Callable[[str], list[str]]) -> Callable[[str], str]:
    """Return a function that reads a line, with a history, highlighting and completion by Tab."""
    session: PromptSession[str] = PromptSession(
        lexer=PygmentsLexer(PythonLexer), completer=ServerSide(complete), complete_while_typing=False
    )
    return session.prompt
