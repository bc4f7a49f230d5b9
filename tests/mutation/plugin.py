"""What is put into pytest: the choice of tests, what each covers, and a module that is not what its file says."""

from __future__ import annotations

import importlib.util
import signal
import time
from collections.abc import Callable, Generator, Sequence
from importlib.abc import SourceLoader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import Phase, settings


def settle_hypothesis() -> None:
    """Let Hypothesis try the same examples every time, and stop at the first that fails."""
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutation", settings(derandomize=True, database=None, phases=phases))
    settings.load_profile("mutation")


def end_after(seconds: float) -> None:
    """End this process when it has had so much processor time from now on: a mutant may never come to an end."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


NOT_IMPORTED = 90
"""The exit status of tests that did not import the changed module, whatever they say otherwise."""


class ChangedModule(SourceLoader):
    """Imports the module `name`, of the file `path`, with the source `content`.

    The file itself stays as it is: tests that read it, to break it in their own way, find it whole.
    """

    def __init__(self, name: str, path: Path, content: bytes) -> None:
        self.name, self._path, self._content = name, str(path), content
        self.was_imported = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The answer to `import`."""
        return (
            importlib.util.spec_from_file_location(fullname, self._path, loader=self)
            if fullname == self.name
            else None
        )

    def get_filename(self, fullname: str) -> str:
        """Where tracebacks look."""
        return self._path

    def get_data(self, path: str) -> bytes:
        """The source; there is no compiled file of it."""
        self.was_imported = True
        if path == self._path:
            return self._content
        raise FileNotFoundError(path)


class Chosen:
    """Runs only `tests` (their node ids), in this order, until one fails or takes more than its `longest`."""

    def __init__(self, tests: Sequence[str], module: ChangedModule, longest: Callable[[str], float]) -> None:
        self._order = {test: number for number, test in enumerate(tests)}
        self._module = module
        self._longest = longest

    def pytest_configure(self) -> None:
        """After conftest.py has had its say."""
        settle_hypothesis()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what was chosen."""
        items[:] = sorted(
            (each for each in items if each.nodeid in self._order), key=lambda each: self._order[each.nodeid]
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """One test begins."""
        end_after(self._longest(nodeid))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Make sure that it was the change that was tested."""
        if not self._module.was_imported:
            session.exitstatus = NOT_IMPORTED


class Recorder:
    """Notes for each test how long it takes, and lets `coverage` know which one runs."""

    def __init__(self, root: Path) -> None:
        import coverage  # noqa: PLC0415 - only this run needs it

        self._coverage = coverage.Coverage(data_file=None, config_file=False, include=[f"{root}/cometary/*"])
        self._root = root
        self._coverage.start()
        self.seconds: dict[str, float] = {}

    def pytest_configure(self) -> None:
        """After conftest.py has had its say."""
        settle_hypothesis()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """One test, with what its fixtures do."""
        self._coverage.switch_context(item.nodeid)
        began = time.process_time()
        result = yield
        self.seconds[item.nodeid] = time.process_time() - began
        self._coverage.switch_context("")
        return result

    def lines(self) -> dict[str, dict[int, list[str]]]:
        """For each line of each module the tests that ran it, "" for what was done outside of all."""
        self._coverage.stop()
        data = self._coverage.get_data()
        return {
            Path(file).relative_to(self._root).as_posix(): data.contexts_by_lineno(file)
            for file in data.measured_files()
        }
