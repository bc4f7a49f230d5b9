"""The list of harmless mutants is read exactly, and what is no longer true of it is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.harmless import no_longer_there, not_harmless, read, survivors, written
from tests.mutation.making import mutants
from tests.mutation.trial import Outcome, Verdict

SOURCE = b"def f(a, b):\n    return a < b and 'it''s' == a\n"


def entry(function: str, was: str, now: str, reason: str = "why") -> str:
    """One entry of the list."""
    return f'[["m.py"]]\nfunction = "{function}"\nwas = "{was}"\nnow = "{now}"\nreason = "{reason}"\n'


def test_what_is_proposed_for_the_list_names_that_mutant() -> None:
    for mutant in mutants("m.py", SOURCE):
        listed = read(written(mutant.key).replace('reason = ""', 'reason = "why"'))
        assert listed == {mutant.key: "why"}


def test_of_mutants_that_are_alike_the_list_says_which() -> None:
    first, second = (mutant.key for mutant in mutants("m.py", b"x = 1\nx = 1\n"))
    assert "nth = 2" in written(second)
    listed = read("\n".join(written(key).replace('reason = ""', 'reason = "why"') for key in (first, second)))
    assert list(listed) == [first, second]


@pytest.mark.parametrize("text", [entry("f", "a", "b", reason=" "), 2 * entry("f", "a", "b")])
def test_an_entry_has_a_reason_and_is_there_once(text: str) -> None:
    with pytest.raises(ValueError, match="listed twice, or without a reason"):
        read(text)


def test_what_is_no_longer_written_so_is_found(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_bytes(SOURCE)
    there = [mutant.key for mutant in mutants("m.py", SOURCE)]
    changed = there[0]._replace(was="return a > b")
    moved = there[0]._replace(module="gone.py")
    assert set(no_longer_there([*there, changed, moved], tmp_path)) == {changed, moved}


def test_survivors_are_what_is_neither_noticed_nor_listed() -> None:
    mutant = mutants("m.py", SOURCE)[0]
    verdicts = {verdict: Outcome(mutant, verdict, 1) for verdict in Verdict}
    alive = [verdicts[each] for each in (Verdict.SURVIVED, Verdict.NOT_RUN, Verdict.UNTRIED)]
    noticed = [verdicts[Verdict.KILLED], verdicts[Verdict.TIMED_OUT]]
    assert survivors(verdicts.values(), ()) == alive
    assert survivors(verdicts.values(), {mutant.key}) == []
    assert not_harmless(verdicts.values(), {mutant.key}) == noticed
    assert not_harmless(verdicts.values(), ()) == []
