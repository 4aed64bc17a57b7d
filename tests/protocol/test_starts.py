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
        ({"distance": np.float32(0.5)}, Start(at=StartAt.DISTANCE, distance_m=0.5)),
        ({"distance": 1e6}, Start(at=StartAt.DISTANCE, distance_m=1e6)),
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
        {"distance": True}, {"distance": np.True_}, {"distance": "7"}, {"distance": None},
        {"distance": 1e9}, {"distance": np.float64("inf")}, {"distance": 10**400}, {"distance": 1j},
        {"distance": 1.0, "lateral": 2.0}, ["line"],
    ],
)  # fmt: skip
def test_anything_else_is_refused(said: Any) -> None:
    """With what there is."""
    with pytest.raises(SettingError, match="There is no start") as caught:
        start_in({"start": said})
    assert caught.value.setting == "start"
    assert "random" in caught.value.hint


@pytest.mark.parametrize(
    "fields",
    [
        {"at": "distance"},
        {"at": "line", "distance_m": 3.0},
        {"at": "moon"},
        {"at": "distance", "distance_m": -1.0},
        {"at": "distance", "distance_m": 1e7},
        {"at": "distance", "distance_m": float("nan")},
        {"at": "pit", "lateral_m": 1.0},
    ],
)
def test_the_wire_takes_no_more(fields: dict[str, Any]) -> None:
    """A distance goes with a start at one, and with no other."""
    with pytest.raises(ValidationError):
        Start(**fields)


def test_a_start_reads_as_words() -> None:
    """As refusals name it."""
    assert str(Start(at=StartAt.PIT)) == "pit"
    assert str(Start(at=StartAt.DISTANCE, distance_m=12.5)) == "12.5 m"
