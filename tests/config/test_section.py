"""Sections: an option is declared once, in the room that goes by it, and everything else follows."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from cometary.config import Option, Section, Settings, kinds, sources
from cometary.config.option import option
from cometary.config.section import extended, options_of, section_of, sections_of
from cometary.doors.control.settings import ControlSection
from cometary.errors import ConfigError
from cometary.sessions.settings import SessionSection
from cometary.settings import OPTIONS


@dataclass(frozen=True, kw_only=True)
class BellSection(Section):
    """A room's own."""

    bell_volume: int = option(3, kinds.whole(0, 10), "How loud it is.")
    bell_code: str | None = option(None, kinds.matching(r"\w+", "a word"), "What opens it.", secret=True)
    loudest: int = 10

    def check(self) -> None:
        if self.bell_volume == self.loudest and self.bell_code is None:
            raise ConfigError("bell-volume", "so loud it needs a code")


@dataclass(frozen=True, kw_only=True)
class SecondBellSection(Section):
    bell_volume: int = option(3, kinds.whole(0, 10), "The same name again.")


def test_what_a_room_declares_can_be_given_everywhere(tmp_path: Path) -> None:
    table = extended(Settings, BellSection)
    file = tmp_path / "cometary.toml"
    file.write_text('bell-code = "sesame"\nwait = 3')
    settings = sources.load(
        table, {"config": str(file), "bell-volume": "7"}, {"COMETARY_BELL_VOLUME": "5", "COMETARY_DIE": "4"}
    )
    bell = section_of(settings, BellSection)
    assert (bell.bell_volume, bell.bell_code, bell.loudest) == (7, "sesame", 10)
    assert (settings.wait, settings.die, settings.port) == (3, 4, 8080)
    assert "sesame" not in repr(settings)


def test_its_options_stand_behind_those_that_were_there() -> None:
    names = [row.name for row in options_of(extended(Settings, BellSection))]
    assert names == [*(row.name for row in OPTIONS), "bell-volume", "bell-code"]
    assert [row.field for row in options_of(BellSection)] == ["bell_volume", "bell_code"]


def test_every_section_checks_itself_alone_and_in_the_whole() -> None:
    tables: list[Any] = [BellSection, extended(Settings, BellSection)]
    for table in tables:
        with pytest.raises(ConfigError, match=r"^bell-volume: so loud"):
            table(bell_volume=10)
        with pytest.raises(ConfigError, match=r"^bell-volume: must be a whole number from 0 to 10, not 11"):
            table(bell_volume=11)
    with pytest.raises(ConfigError, match=r"^--bell-volume: so loud"):
        sources.load(BellSection, {"bell-volume": "10"}, {})
    with pytest.raises(ConfigError, match=r"^control: other machines"):
        ControlSection(control=kinds.Address("0.0.0.0", 1))


def test_one_name_in_two_sections_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"^bell-volume: BellSection and SecondBellSection both declare"):
        extended(Settings, BellSection, SecondBellSection)
    with pytest.raises(ConfigError, match=r"^bell-volume: Settings and SecondBellSection both declare"):
        extended(extended(Settings, BellSection), SecondBellSection)


def test_a_section_that_is_there_is_not_added_again() -> None:
    assert extended(Settings) is Settings
    assert extended(Settings, SessionSection) is Settings
    table = extended(Settings, BellSection, BellSection)
    assert sections_of(table).count(BellSection) == 1


def test_settings_without_a_section_have_its_defaults() -> None:
    assert section_of(Settings(), BellSection) == BellSection()
    settings = Settings(wait=7)
    assert section_of(settings, SessionSection) is settings


def test_no_two_rooms_declare_the_same_option_and_none_declares_one_outside_a_section() -> None:
    names = [row.name for row in OPTIONS]
    assert len(set(names)) == len(names)
    assert {entry.name for entry in fields(Settings)} == {row.field for row in OPTIONS}
    assert all(isinstance(row, Option) for row in OPTIONS)
