"""The vJoy wheel through the real pyvjoy over the stub of the driver; runs in Windows Python."""

from __future__ import annotations

import pytest

from game.vjoy_cases import VJoyCases
from helpers.vjoy_stub import VJoyStub


class TestVJoyWheelOnTheStub(VJoyCases):
    """Everything that it keeps over any driver."""

    @pytest.fixture(autouse=True)
    def _fresh(self) -> None:
        self.stub = VJoyStub.fresh()
