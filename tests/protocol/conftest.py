"""What the tests of the protocol may ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.protocol.client import Recorder, World, serving


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def world(recorder: Recorder) -> AsyncIterator[World]:
    """A server that runs the recorder's application."""
    async with serving(recorder.app) as world:
        yield world
