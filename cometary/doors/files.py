"""The door of the application's files."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cometary.doors.door import Door
from cometary.transport.http.files import FileTable

if TYPE_CHECKING:
    from cometary.doors.door import Inside
    from cometary.transport.http.exchange import Endpoint


class FilesDoor(Door):
    """Serves the files of the directories that the application names."""

    name: ClassVar[str] = "files"

    def open(self, inside: Inside) -> None:
        """Read them.

        Raises:
            UsageError: a directory is not there any more; the application's fault.
            OSError: a file cannot be read; the environment's fault.
        """
        self._files = FileTable()
        for prefix, directory, follow_links in inside.directories:
            self._files.add(prefix, directory, follow_links=follow_links)

    def rest(self) -> Endpoint:
        """Answer with the file of that name, if there is one."""
        return self._files
