"""Which tests the compiled modules are run with: every package is in one list, and what is left out is there.

And when they are compiled anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts import compile as script

TESTS = Path(__file__).resolve().parent


def test_each_package_of_tests_is_run_or_has_a_reason_why_not() -> None:
    packages = {folder.name for folder in TESTS.iterdir() if folder.is_dir() and folder.name != "__pycache__"}
    run = {name.partition("/")[0] for name in script.TESTED}
    assert packages == run | script.NOT_EACH_TIME.keys() | script.NEVER.keys()


def test_what_is_left_out_of_the_packages_that_are_run_is_there() -> None:
    assert [name for name in script.STAND_INS if not (TESTS / name).exists()] == []
    text = "".join(file.read_text() for file in TESTS.rglob("*.py") if file != Path(__file__))
    assert [word for word in script.WORDS if word not in text] == []


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only module of a checkout, which is older than anything that is made of it."""
    copy = tmp_path / ".cache" / "compiled"
    for name, value in {
        "ROOT": tmp_path,
        "COPY": copy,
        "BEGUN": copy / "begun.stamp",
        "STAMP": copy / "compiled.stamp",
        "MODULES": ["one"],
    }.items():
        monkeypatch.setattr(script, name, value)
    source = tmp_path / "cometary" / "one.py"
    source.parent.mkdir()
    source.touch()
    os.utime(source, (0, 0))
    return source


def pretend_to_compile(*_command: str) -> None:
    """Leave what the compiler would."""
    for name in script.compiled():
        (script.COPY / "cometary" / name).touch()


def until_files_are_newer_than(source: Path) -> None:
    """Wait until the clock of the file system, which goes in steps, has gone on."""
    probe = source.parent.parent / ".probe"
    probe.touch()
    while probe.stat().st_mtime <= source.stat().st_mtime:
        probe.touch()


def test_what_is_compiled_is_up_to_date_until_a_source_changes(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "set_up", pretend_to_compile)
    assert not script.is_up_to_date()
    script.compile_anew()
    assert script.is_up_to_date()
    source.touch()
    assert not script.is_up_to_date()


def test_a_source_that_changes_while_it_is_compiled_is_compiled_again(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change_meanwhile(*command: str) -> None:
        source.touch()
        until_files_are_newer_than(source)
        pretend_to_compile(*command)

    monkeypatch.setattr(script, "set_up", change_meanwhile)
    script.compile_anew()
    assert not script.is_up_to_date()
    os.utime(source, (0, 0))
    assert script.is_up_to_date(), "nothing else is wrong"


def test_what_could_not_be_compiled_is_not_up_to_date(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_nothing(*_command: str) -> None:
        pass

    monkeypatch.setattr(script, "set_up", compile_nothing)
    with pytest.raises(SystemExit, match="not compiled: one"):
        script.compile_anew()
    pretend_to_compile()
    assert source.exists()
    assert not script.is_up_to_date()
