"""Starts at the server: a refused one is refused before anybody loses the car for it."""

from __future__ import annotations

import pytest

from ac_bridge.server.lease import Terms
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.errors import SettingError
from helpers.actors import make_rig, serving

KEY = "operators-key"


def test_a_takeover_with_a_refused_start_leaves_the_car() -> None:
    """The driver goes on in the same episode; with a start that there is the takeover works."""
    rig = make_rig(lockstep=True, control_hz=10.0)
    with (
        serving(rig, terms=Terms(takeover_key=KEY)) as (uri, _),
        RemoteEnv(uri) as driver,
        RemoteEnv(uri) as operator,
    ):
        driver.reset(seed=1)
        driver.step([0.0, 1.0, 0.0])
        with pytest.raises(SettingError, match="there is no start"):
            operator.reset(options={"takeover": KEY, "start": {"distance": 99_999.0}})
        *_, info = driver.step([0.0, 1.0, 0.0])
        assert info["receipt"].action_id == 1
        operator.reset(options={"takeover": KEY, "start": "random"})
        *_, truncated, info = driver.step([0.0, 1.0, 0.0])
        assert (truncated, info["end_reason"]) == (True, "taken_over")
