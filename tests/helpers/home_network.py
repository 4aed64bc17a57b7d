"""A home's network: a gaming PC and a learner on one wire, on which to multicast."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from helpers.machines import Wire, machines
from links import RightsMissingError

GAMING_PC = "10.78.0.1"
LEARNER = "10.78.0.2"


@contextlib.contextmanager
def home_network() -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Make one; give what to put before a command that runs on the gaming PC, or the learner.

    Skips the test where this user or system cannot have one.
    """
    with contextlib.ExitStack() as stack:
        try:
            within = stack.enter_context(machines(Wire("pc", GAMING_PC, "learner", LEARNER)))
        except RightsMissingError as missing:
            pytest.skip(str(missing))
        yield within["pc"], within["learner"]
