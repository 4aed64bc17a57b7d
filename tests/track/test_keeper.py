"""Keeping the track under the car: read once, again when it may be there now, and said."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from ac_bridge.standin.install import write_install
from ac_bridge.standin.layouts import circuit_named
from ac_bridge.track.keeper import NOWHERE, TrackKeeper
from ac_bridge.track.library import TrackLibrary
from ac_bridge_protocol.errors import GameError
from ac_bridge_protocol.frame import GameStatics
from helpers.frames import make_statics

CIRCUIT = circuit_named("made_1")


def statics(name: str = "made_1") -> GameStatics:
    return make_statics(track=name, track_configuration="", track_length_m=CIRCUIT.length_m)


def placed(keeper: TrackKeeper, x_m: float, z_m: float, yaw: float, launches: int = 1) -> Any:
    values: dict[str, Any] = {"position": (x_m, 0.0, z_m), "yaw": yaw}
    keeper.place(values, statics(), launches)
    return values


def test_a_car_is_placed(tmp_path: Path) -> None:
    """Two metres left of the middle, turned right by a tenth; and the news are told once."""
    write_install(CIRCUIT, tmp_path)
    keeper = TrackKeeper(lambda: TrackLibrary(tmp_path))
    x_m, z_m, heading = CIRCUIT.place(300.0, 2.0)
    values = placed(keeper, x_m, z_m, heading + 0.1 + math.tau)
    assert values["centre_offset"] == pytest.approx(2.0, abs=0.3)
    assert values["left_edge"] + values["right_edge"] == pytest.approx(13.0, abs=0.3)
    assert values["line_heading_error"] == pytest.approx(0.1, abs=0.1)
    assert "made_1" in keeper.take_news()
    assert keeper.take_news() == ""
    assert keeper.problem == ""


def test_files_that_come_later_are_found_by_the_next_game(tmp_path: Path) -> None:
    """Not looked for at every frame; a new process of the game is a new chance."""
    keeper = TrackKeeper(lambda: TrackLibrary(tmp_path))
    assert placed(keeper, 0.0, 0.0, 0.0)["line_offset"] is None
    assert "made_1" in keeper.take_news()
    assert keeper.problem.startswith("no such track. ")
    assert keeper.why.startswith("No such track. ")
    write_install(CIRCUIT, tmp_path)
    assert placed(keeper, 0.0, 0.0, 0.0)["line_offset"] is None
    assert placed(keeper, *CIRCUIT.place(0.0), launches=2)["line_offset"] is not None


@pytest.mark.parametrize("x_m", [math.inf, math.nan, 1e300, -1e7])
def test_rubbish_is_nowhere(tmp_path: Path, x_m: float) -> None:
    """And the next good position is found again."""
    write_install(CIRCUIT, tmp_path)
    keeper = TrackKeeper(lambda: TrackLibrary(tmp_path))
    rubbish = placed(keeper, x_m, 0.0, 0.0)
    assert {name: rubbish[name] for name in NOWHERE} == NOWHERE
    assert placed(keeper, *CIRCUIT.place(10.0))["track_distance"] == pytest.approx(10.0, abs=1.0)


def test_a_folder_that_cannot_be_made_is_no_end() -> None:
    """The car is driven without its track, and the reason is told."""

    def full() -> TrackLibrary:
        raise GameError("The disk is full.", hint="Make room.")

    keeper = TrackKeeper(full)
    assert placed(keeper, 0.0, 0.0, 0.0)["line_offset"] is None
    assert "Make room." in keeper.take_news()
