"""What holds for every test: how hard hypothesis looks, and where the log goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

settings.register_profile(
    "quick",
    max_examples=60,
    deadline=None,  # two shared cores: an example's time says nothing
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("few", parent=settings.get_profile("quick"), max_examples=20)
# The same code on another system or Python: what is pure was looked at harder on the first.
settings.register_profile("thorough", parent=settings.get_profile("quick"), max_examples=2000)
# `pytest --hypothesis-profile thorough` looks harder.
settings.load_profile("quick")


@pytest.fixture(autouse=True)
def _log_as_ever() -> Iterator[None]:
    """Undo what a command of ours does to the log: it writes to the stderr of its own test."""
    yield
    structlog.reset_defaults()
