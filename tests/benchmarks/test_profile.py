"""What a profile is made of: reading what callgrind wrote, layers, flame graphs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.profile import guard
from benchmarks.profile.callgrind import read
from benchmarks.profile.flame import svg, tree
from benchmarks.profile.guard import PLAYS, compared, dearer_than, least
from benchmarks.profile.layers import (
    INTERPRETED,
    LIBRARIES,
    OTHER,
    CompiledLayers,
    by_layer,
    interpreted_layer,
)

WRITTEN = """\
# callgrind format
version: 1
events: Ir
fl=(1) some.c
fn=(1) recv'CPyDef_connection___Connection___readable
0 12
cfn=(2) memcpy'recv'CPyDef_connection___Connection___readable
calls=3 0
0 900
0 5
fn=(2)
0 300
+2 400
* 200
fn=(3) _PyEval_EvalFrameDefault'2'CPyDef_step___goto
0
0 7

totals: 924
"""


def test_counts_what_a_function_does_itself_and_not_what_it_calls(tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text(WRITTEN)
    readable = "CPyDef_connection___Connection___readable"
    assert read(file) == {
        (readable, "recv"): 17,
        (readable, "recv", "memcpy"): 900,
        ("CPyDef_step___goto", "_PyEval_EvalFrameDefault"): 7,
    }


def test_what_is_done_in_c_belongs_to_the_module_that_asked_for_it() -> None:
    layer = CompiledLayers(["transport/http/connection", "transport/wires/comet/bodies", "fsm/step"])
    costs = {
        ("main", "CPyPy_step___goto", "malloc"): 1,
        ("CPyDef_step___goto", "CPyDef_connection____Connection___readable", "recv"): 2,
        ("CPyDef_comet___bodies____check", "PyObject_Free"): 4,
        ("CPyDef_step___goto", "_PyEval_EvalFrameDefault", "PyObject_Free"): 8,
        ("main", "PyObject_Free"): 16,
    }
    assert by_layer(costs, layer) == {
        "fsm": 1,
        "transport/http": 2,
        "transport/wires": 4,
        INTERPRETED: 8,
        OTHER: 16,
    }


def test_of_what_is_not_ours_only_the_innermost_function_is_shown() -> None:
    layer = CompiledLayers(["fsm/step"])
    costs = {
        ("main", "CPyDef_step___goto", "PyObject_Vectorcall", "_PyEval_EvalFrameDefault", "malloc"): 1,
        ("_PyEval_EvalFrameDefault", "CPyPy_step___goto", "CPyDef_step___goto", "free"): 2,
        ("_PyEval_EvalFrameDefault", "CPyPy_step___goto", "CPyDef_step___goto"): 4,
    }
    assert layer.readable(costs) == (
        {
            ("step.goto", INTERPRETED, "malloc"): 1,
            (INTERPRETED, "step.goto", "free"): 2,
            (INTERPRETED, "step.goto"): 4,
        },
        {"step.goto": "fsm", INTERPRETED: INTERPRETED},
    )


def test_a_step_of_the_interpreter_belongs_to_the_innermost_function() -> None:
    assert interpreted_layer(("trio/_core/_run:run", "cometary/gate/turnstile:refusal")) == "gate"
    assert interpreted_layer(("cometary/gate/turnstile:refusal", "trio/_core/_run:run")) == LIBRARIES


def test_the_wider_a_box_the_more_is_done_in_it_and_below() -> None:
    costs = {("a", "b<"): 30, ("a",): 10, ("c",): 60}
    assert tree(costs).callees["a"].total == 40
    boxes = {
        str(group[0].text): float(group[1].attrib["width"])
        for group in ET.fromstring(svg("x & y", costs, {"a": "gate"})).iter("{http://www.w3.org/2000/svg}g")  # noqa: S314
    }
    assert boxes == {"a: 40.0 %": 480.0, "b<: 30.0 %": 360.0, "c: 60.0 %": 720.0}


def test_where_nothing_is_kept_for_this_interpreter_there_is_nothing_to_compare_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "instructions.json"
    file.write_text('{"another interpreter": {"echo": 1}}')
    monkeypatch.setattr(guard, "KEPT", file)
    assert guard.main([]) == 0
    assert "there is nothing to compare with" in capsys.readouterr().out


def test_a_mode_is_played_again_until_it_takes_no_more_than_it_may() -> None:
    counts = [120, 104, 103, 90, 90, 90, 90]
    assert least(lambda: counts.pop(0), 100) == 103
    assert len(counts) == 4


def test_a_mode_that_always_takes_more_is_played_so_often_and_no_more() -> None:
    counts = [120, 110, 104, 130, 105, 106, 90]
    assert least(lambda: counts.pop(0), 100) == 104
    assert len(counts) == 7 - PLAYS


def test_a_mode_of_which_nothing_is_kept_is_played_to_the_end() -> None:
    counts = [120, 110, 104, 130, 105, 106, 90]
    assert least(lambda: counts.pop(0), None) == 104


def test_what_is_dearer_than_what_is_kept_fails_until_the_greatest_of_some_counts_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = [
        {"echo": 104, "open": 7},
        *({"echo": each, "open": 9} for each in (105, 108, 104, 106)),
        {"echo": 111},
    ]

    def count(_: Mapping[str, int]) -> Mapping[str, int]:
        return counts.pop(0)

    file = tmp_path / "instructions.json"
    build = guard.build_of_this()
    file.write_text(json.dumps({"another": {"echo": 1}, build: {"echo": 100}}))
    monkeypatch.setattr(guard, "KEPT", file)
    monkeypatch.setattr(guard, "count", count)
    assert guard.main([]) == 1
    assert guard.main(["--keep"]) == 0
    assert json.loads(file.read_text()) == {"another": {"echo": 1}, build: {"echo": 108, "open": 9}}
    assert guard.main([]) == 0


def test_more_than_three_per_cent_above_what_is_kept_is_too_much() -> None:
    kept = {"broadcast": 10_000, "echo": 20_000}
    assert dearer_than(kept, {"broadcast": 10_300, "echo": 20_601, "another": 1}) == ["echo"]
    assert compared({"broadcast": 9_000, "another": 1}, kept).splitlines()[2:] == [
        "| broadcast | 9,000 | 10,000 | -10.0% |",
        "| another | 1 | – | – |",
    ]
