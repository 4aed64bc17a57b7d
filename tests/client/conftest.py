"""Actors as real processes, one of each kind for all of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ac_bridge.cli.child import actor_process


@pytest.fixture(scope="session")
def lockstep_uri() -> Iterator[str]:
    """An actor whose game time stands still between steps."""
    with actor_process("--lockstep", "--log-level", "error") as uri:
        yield uri


@pytest.fixture(scope="session")
def realtime_uri() -> Iterator[str]:
    """An actor in real time."""
    with actor_process("--game", "standin", "--control-hz", "30", "--log-level", "error") as uri:
        yield uri
