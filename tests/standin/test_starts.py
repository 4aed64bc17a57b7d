"""Where the stand-in's drives begin, and how their laps are timed."""

from __future__ import annotations

import math

import pytest

from ac_bridge.game import NEUTRAL, Controls, GameAbility
from ac_bridge.standin import StandinGame
from ac_bridge.standin.session import PIT_M, PIT_MARGIN_M, START_M
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.starts import Start, StartAt
from standin.support import driving, graphics, launched, pages, physics, press, wait

LINE, PIT, RANDOM = (Start(at=at) for at in (StartAt.LINE, StartAt.PIT, StartAt.RANDOM))
EASY = Controls(throttle=0.5)


def after(metres: float) -> Start:
    """Return a start so far from the line."""
    return Start(at=StartAt.DISTANCE, distance_m=metres)


def relaunched(start: Start | None, seed: int = 1) -> StandinGame:
    """Return a game on its session screen, told where to start."""
    game = StandinGame(lockstep=True, seed=seed)
    game.start_at(start)
    game.relaunch(seed)
    wait(game, 1.0)
    return game


def distance_m(game: StandinGame) -> float:
    """Return how far along the track the car is."""
    return float(graphics(game)["normalizedCarPosition"]) * game.circuit.length_m


def lateral_m(game: StandinGame) -> float:
    """Return how far left of the centre line the car is."""
    x_m, _, z_m = graphics(game)["carCoordinates"][:3]
    return game.circuit.project(x_m, z_m).lateral_m


def started(start: Start) -> StandinGame:
    """Return a game that has just begun to drive from there."""
    game = relaunched(start)
    press(game, 9)
    return game


def roll_on(game: StandinGame, seconds: float, controls: Controls = EASY) -> None:
    """Drive straight on for a while."""
    game.wheel.apply(controls)
    wait(game, seconds)


def test_the_game_can_be_told() -> None:
    """In both of its times."""
    assert GameAbility.STARTS in launched().abilities
    with StandinGame() as game:
        assert GameAbility.STARTS in game.abilities


def test_the_line_is_where_it_starts_untold() -> None:
    """Byte for byte: whoever says it draws nothing more."""
    assert pages(relaunched(LINE)) == pages(relaunched(None))
    assert distance_m(relaunched(None)) == pytest.approx(START_M, abs=0.01)


def test_the_pits_are_a_place_beside_the_track() -> None:
    """So far before the line, by the right-hand edge."""
    game = relaunched(PIT)
    assert distance_m(game) == pytest.approx(game.circuit.length_m - PIT_M, abs=0.01)
    assert lateral_m(game) == pytest.approx(PIT_MARGIN_M - game.circuit.half_width_m, abs=0.01)
    assert graphics(game)["isInPit"] == 1
    press(game, 9)
    wait(game, 0.1)
    assert graphics(game)["isInPit"] == 0


@pytest.mark.parametrize("metres", [0.0, 600.0, 1234.5])
def test_a_distance_is_along_the_centre_line(metres: float) -> None:
    """The car stands there, and faces along the track."""
    game = relaunched(after(metres))
    apart_m = distance_m(game) - metres
    assert math.remainder(apart_m, game.circuit.length_m) == pytest.approx(0.0, abs=0.01)
    assert physics(game)["speedKmh"] == 0.0
    heading = game.circuit.place(metres).heading_rad
    assert math.remainder(physics(game)["heading"] - heading, math.tau) == pytest.approx(
        0.0, abs=1e-3
    )


def test_random_places_come_from_the_seed() -> None:
    """The same from the same one, and all along the track."""
    places = [distance_m(relaunched(RANDOM, seed)) for seed in range(12)]
    assert pages(relaunched(RANDOM, 3)) == pages(relaunched(RANDOM, 3))
    assert len({round(place) for place in places}) == 12
    length_m = launched().circuit.length_m
    assert min(places) < 0.3 * length_m < 0.7 * length_m < max(places)


def test_a_random_start_changes_no_other_draw_of_its_drive() -> None:
    """Grip and weather are those of the same seed at the line."""
    grip = "surfaceGrip"
    assert graphics(relaunched(RANDOM))[grip] == graphics(relaunched(None))[grip]
    assert physics(relaunched(RANDOM))["airTemp"] == physics(relaunched(None))["airTemp"]


def test_a_session_screen_shows_where_it_will_start() -> None:
    """Told while it waits, the car is moved, and the drive's conditions stay."""
    game = launched()
    grip = graphics(game)["surfaceGrip"]
    for told, expected in ((after(600.0), 600.0), (None, START_M)):
        game.start_at(told)
        wait(game, 0.03)
        assert distance_m(game) == pytest.approx(expected, abs=0.01)
        assert graphics(game)["surfaceGrip"] == grip


def test_a_restart_goes_where_the_game_was_told_last() -> None:
    """Nothing moves before it; without a place it is the line again."""
    game = driving()
    game.start_at(after(600.0))
    wait(game, 0.1)
    assert distance_m(game) < 10.0
    for told, expected in ((after(600.0), 600.0), (None, START_M)):
        game.start_at(told)
        press(game, 7)
        wait(game, 0.5)
        assert distance_m(game) == pytest.approx(expected, abs=0.01)


def test_a_place_beyond_the_track_is_refused() -> None:
    """With its length; where it was told to start before still holds."""
    game = launched()
    game.start_at(after(600.0))
    for refuse in (game.check_start, game.start_at):
        with pytest.raises(SettingError, match=f"{game.circuit.length_m:.0f} m long") as caught:
            refuse(after(game.circuit.length_m + 1.0))
        assert caught.value.setting == "start"
    game.check_start(PIT)
    press(game, 7)
    wait(game, 0.5)
    assert distance_m(game) == pytest.approx(600.0, abs=0.01)
    game.start_at(after(game.circuit.length_m))


def test_an_out_lap_is_no_lap() -> None:
    """The first time over the line counts nothing and sets the lap clock to zero."""
    game = started(PIT)
    roll_on(game, 3.0)
    before = graphics(game)
    assert before["iCurrentTime"] >= 3000
    assert before["normalizedCarPosition"] > 0.9
    while graphics(game)["normalizedCarPosition"] > 0.5:
        roll_on(game, 0.015)
    shown = graphics(game)
    assert shown["iCurrentTime"] <= 15
    assert (shown["completedLaps"], shown["iLastTime"], shown["iBestTime"]) == (0, 0, 0)
    assert shown["lastTime"] == "-:--:---"
    roll_on(game, 1.0, NEUTRAL)
    assert 1000 <= graphics(game)["iCurrentTime"] <= 1020


@pytest.mark.parametrize(
    ("start", "out_lap"),
    [(LINE, False), (after(0.0), False), (after(START_M), False), (after(1.0), True), (PIT, True)],
)
def test_a_whole_lap_from_the_line_is_one(start: Start, out_lap: bool) -> None:
    """On the line is at most as far beyond it as the usual start."""
    game = relaunched(start)
    assert game._session.laps.out_lap is out_lap


def test_a_start_at_the_very_end_is_on_the_line() -> None:
    """The circuit closes there."""
    length_m = launched().circuit.length_m
    assert not relaunched(after(length_m))._session.laps.out_lap
