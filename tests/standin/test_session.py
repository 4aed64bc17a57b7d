"""The life of the game, as its pages show it."""

import pytest

from ac_bridge.game import NEUTRAL, Controls, Page
from ac_bridge.standin import StandinGame
from ac_bridge_protocol.errors import GameAbsentError
from standin.support import (
    RESTART,
    START,
    driving,
    graphics,
    hold,
    launched,
    pages,
    physics,
    press,
    read,
    wait,
)

FULL_THROTTLE = Controls(throttle=1.0)


def test_loading_publishes_nothing_at_first() -> None:
    """Graphics and static come with frame 30, physics with step 300; until then they are absent."""
    game = StandinGame(lockstep=True)
    for page in Page:
        with pytest.raises(GameAbsentError):
            game.pages.read(page)
    wait(game, 0.448)
    with pytest.raises(GameAbsentError):
        game.pages.read(Page.GRAPHICS)
    wait(game, 0.004)
    assert graphics(game)["packetId"] == 61
    assert read(game, Page.STATIC)["smVersion"] == "1.7"
    with pytest.raises(GameAbsentError, match="physics"):
        game.pages.read(Page.PHYSICS)
    wait(game, 0.45)
    assert physics(game)["packetId"] == 1


def test_the_session_screen_holds_the_car() -> None:
    """LIVE, in the pit, physics advancing, but neither car nor clock moves whatever the pedals."""
    game = launched()
    hold(game, 1.0, FULL_THROTTLE)
    before, position = physics(game), graphics(game)["carCoordinates"]
    wait(game, 1.0)
    shown = graphics(game)
    assert (shown["status"], shown["isInPit"], shown["iCurrentTime"]) == (2, 1, 0)
    assert physics(game)["packetId"] - before["packetId"] == pytest.approx(333, abs=1)
    assert shown["carCoordinates"] == position
    assert physics(game)["gas"] == 1.0
    assert physics(game)["gear"] == 1


def test_the_start_button_starts_the_clock() -> None:
    """From the start line on the straight, in first, out of the pit."""
    game = driving()
    wait(game, 0.94)
    shown = graphics(game)
    assert shown["isInPit"] == 0
    assert 980 <= shown["iCurrentTime"] <= 1000
    assert shown["iCurrentTime"] % 3 == 0
    assert 0.0 <= shown["normalizedCarPosition"] < 0.002
    assert physics(game)["gear"] == 2


def test_a_start_button_held_since_loading_does_not_start() -> None:
    """Only a press on the session screen counts."""
    game = StandinGame(lockstep=True)
    hold(game, 1.5, START)
    assert graphics(game)["isInPit"] == 1
    game.wheel.apply(NEUTRAL)
    wait(game, 0.1)
    press(game, 9)
    wait(game, 0.02)
    assert graphics(game)["isInPit"] == 0


def test_a_restart_brings_the_session_screen_back() -> None:
    """Pages freeze for 0.3 s, then the car is back at the start; packet ids go on counting."""
    game = driving()
    hold(game, 5.0, FULL_THROTTLE)
    far = graphics(game)
    assert far["distanceTraveled"] > 30
    hold(game, 0.1, RESTART)
    frozen = pages(game)
    game.wheel.apply(NEUTRAL)
    wait(game, 0.2)
    assert pages(game) == frozen
    wait(game, 0.2)
    shown, car = graphics(game), physics(game)
    assert (shown["isInPit"], shown["iCurrentTime"], shown["completedLaps"]) == (1, 0, 0)
    assert shown["distanceTraveled"] == 0.0
    assert shown["packetId"] > far["packetId"]
    assert (car["speedKmh"], car["gear"]) == (0.0, 1)
    assert 1000 < car["packetId"] < 2200


def test_each_page_read_in_a_restart_is_whole() -> None:
    """Never do old and new values meet: a page changes only together with its packet id."""
    game = driving()
    hold(game, 3.0, FULL_THROTTLE)
    game.wheel.apply(RESTART)
    seen: dict[tuple[Page, int], bytes] = {}
    for _ in range(250):
        wait(game, 0.003)
        for page in (Page.PHYSICS, Page.GRAPHICS):
            data = game.pages.read(page)
            assert seen.setdefault((page, read(game, page)["packetId"]), data) == data


def test_a_short_press_does_not_restart() -> None:
    """The button must be held for 50 ms."""
    game = driving()
    hold(game, 1.0, FULL_THROTTLE)
    press(game, 7, seconds=0.045)
    wait(game, 0.5)
    assert graphics(game)["isInPit"] == 0


def test_a_held_button_restarts_once() -> None:
    """Holding it on does not keep the game restarting."""
    game = driving()
    hold(game, 1.0, RESTART)
    assert graphics(game)["isInPit"] == 1
    packet = physics(game)["packetId"]
    wait(game, 1.0)
    assert physics(game)["packetId"] - packet == pytest.approx(333, abs=1)


def test_successive_restarts_differ() -> None:
    """Each restart draws new conditions."""
    game = driving()
    grips = set()
    for _ in range(3):
        press(game, 7)
        wait(game, 0.5)
        grips.add(graphics(game)["surfaceGrip"])
    assert len(grips) == 3


def test_a_pause_freezes_physics_and_says_so() -> None:
    """Status PAUSE, frames go on, the physics packet does not; afterwards all goes on as before."""
    game = driving()
    hold(game, 2.0, FULL_THROTTLE)
    game.pause()
    frozen, frame = game.pages.read(Page.PHYSICS), graphics(game)
    assert (frame["status"], frame["isEscMenuVisible"]) == (3, 1)
    wait(game, 1.0)
    assert game.pages.read(Page.PHYSICS) == frozen
    assert graphics(game)["packetId"] > frame["packetId"]
    assert graphics(game)["iCurrentTime"] == frame["iCurrentTime"]
    game.resume()
    wait(game, 0.3)
    assert graphics(game)["status"] == 2
    assert physics(game)["packetId"] > 1


def test_a_pause_can_be_left_by_restarting() -> None:
    """The restart button works in the pause menu too."""
    game = driving()
    game.pause()
    press(game, 7)
    wait(game, 0.5)
    assert (graphics(game)["status"], graphics(game)["isInPit"]) == (2, 1)


def test_a_stall_freezes_everything_but_says_nothing() -> None:
    """All pages keep their bytes, LIVE as they are, and then go on."""
    game = driving()
    hold(game, 2.0, FULL_THROTTLE)
    frozen = pages(game)
    game.stall(0.5)
    wait(game, 0.49)
    assert pages(game) == frozen
    assert graphics(game)["status"] == 2
    wait(game, 0.1)
    assert pages(game) != frozen


def test_an_exit_writes_status_off_once() -> None:
    """The graphics page says OFF; the physics page keeps its last values for ever."""
    game = driving()
    hold(game, 1.0, FULL_THROTTLE)
    last = game.pages.read(Page.PHYSICS)
    game.exit()
    gone = pages(game)
    assert graphics(game)["status"] == 0
    wait(game, 3.0)
    assert pages(game) == gone
    assert gone[0] == last


def test_a_crash_leaves_live_pages_behind() -> None:
    """The pages freeze with status LIVE."""
    game = driving()
    game.crash()
    frozen = pages(game)
    wait(game, 3.0)
    press(game, 7)
    assert pages(game) == frozen
    assert graphics(game)["status"] == 2


def test_a_relaunch_brings_a_new_process() -> None:
    """Packet ids and the clock start again, and the game loads first."""
    game = driving()
    game.crash()
    game.relaunch(5)
    assert game.clock.now() == 0.0
    with pytest.raises(GameAbsentError):
        game.pages.read(Page.PHYSICS)
    wait(game, 0.92)
    assert physics(game)["packetId"] == 7
    assert graphics(game)["isInPit"] == 1
