"""Where an episode begins, as people say it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.starts import Start, StartAt, start_in


@pytest.mark.parametrize(
    ("said", "start"),
    [
        (None, None),
        ("line", Start(at=StartAt.LINE)),
        ("pit", Start(at=StartAt.PIT)),
        ("random", Start(at=StartAt.RANDOM)),
        ({"distance": 12}, Start(at=StartAt.DISTANCE, distance_m=12.0)),
        ({"distance": np.int64(12)}, Start(at=StartAt.DISTANCE, distance_m=12.0)),
        ({"distance": np.float32(12)}, Start(at=StartAt.DISTANCE, distance_m=12.0)),
        (Start(at=StartAt.PIT), Start(at=StartAt.PIT)),
    ],
)
def test_starts_are_read(said: Any, start: Start | None) -> None:
    """A word, or a distance."""
    assert start_in({"start": said}) == start
    assert start_in({}) is None


@pytest.mark.parametrize(
    "said",
    [
        "distance", "moon", "", 7, True, {}, {"distance": -1.0}, {"distance": float("nan")},
        {"distance": True}, {"distance": "7"}, {"distance": 1e9}, {"distance": 1.0, "lateral": 2.0},
        {"distance": 10**400}, {"distance": np.True_}, {"distance": np.float64("inf")}, ["line"],
    ],
)  # fmt: skip
def test_anything_else_is_refused(said: Any) -> None:
    """With what there is."""
    with pytest.raises(SettingError, match="There is no start") as caught:
        start_in({"start": said})
    assert caught.value.setting == "start"
    assert "random" in caught.value.hint


@pytest.mark.parametrize(
    "fields", [{"at": "distance"}, {"at": "line", "distance_m": 3.0}, {"at": "moon"}]
)
def test_the_wire_takes_no_more(fields: dict[str, Any]) -> None:
    """A distance goes with a start at one, and with no other."""
    with pytest.raises(ValidationError):
        Start(**fields)
