"""Calls that may block: given up before they begin, or while they return."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.actors import blocking
from cometary.actors.blocking import BlockingCall, abandoned_threads


def test_one_that_is_given_up_before_its_thread_begins_is_not_made_and_abandons_no_thread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made: list[str] = []
    call = BlockingCall("one", made.append, "made")
    call.abandon()
    assert abandoned_threads() == ()
    call.run()
    assert made == []
    assert caplog.text == ""


def test_one_that_returns_in_the_very_moment_in_which_it_is_given_up_is_not_listed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Racing(dict[BlockingCall[Any], None]):
        """What is entered here returns at once."""

        def __setitem__(self, call: BlockingCall[Any], value: None) -> None:
            super().__setitem__(call, value)
            call._outcome.offer("just now")

    monkeypatch.setattr(blocking, "_abandoned", Racing())
    call = BlockingCall("one", str)
    call._begun.offer(True)
    call.abandon()
    assert abandoned_threads() == ()
    assert caplog.text == ""
