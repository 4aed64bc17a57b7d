"""Windows Python for the tests of this folder; without Wine on the machine they are skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from helpers.wine import REQUIRED, WindowsPython, why_missing, windows


@pytest.fixture(scope="session")
def wpy() -> Iterator[WindowsPython]:
    """Windows Python with this project, without a vJoy driver. One Windows for the test run."""
    missing = why_missing()
    if missing and os.environ.get(REQUIRED):
        pytest.fail(f"no Windows Python: {missing}")
    if missing:
        pytest.skip(f"no Windows Python: {missing}")
    with windows() as found:
        yield found


@pytest.fixture(scope="session")
def wpy_vjoy(wpy: WindowsPython) -> WindowsPython:
    """The same Windows with the stub of the vJoy driver, called through the real pyvjoy."""
    return wpy.with_vjoy_stub()
