"""The stand-in as a process of its own: what it publishes, obeys and refuses, without waiting."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ac_bridge.clock import ManualClock
from ac_bridge.game import Controls, Page
from ac_bridge.game.regions import create_region, open_region
from ac_bridge.game.shared_pages import SharedPages
from ac_bridge.standin import StandinGame
from ac_bridge.standin.process import (
    CRASH_STATUS,
    HELP,
    Simulation,
    open_simulation,
    refuse_beside_another,
)
from ac_bridge.standin.shared import Publisher, SharedWheel, WheelRegion
from ac_bridge.telemetry.layout import LAYOUTS
from ac_bridge_protocol.errors import GameAbsentError, GameError, SettingError
from helpers.region_names import new_name
from standin.support import START

OFF, LIVE, PAUSE = 0, 2, 3


class Played:
    """A simulation in simulated time, with a reader and a driver beside it."""

    def __init__(self, prefix: str, stack: contextlib.ExitStack) -> None:
        self.clock = ManualClock()
        self.died: list[int] = []
        self.prefix = prefix
        publisher = stack.enter_context(Publisher(self.clock, prefix))
        device = stack.enter_context(WheelRegion(prefix + "wheel"))
        game = stack.enter_context(StandinGame(clock=self.clock))
        self.game = game
        self.simulation = Simulation(game, publisher, device, seed=4, die=self.died.append)
        self.pages = stack.enter_context(contextlib.closing(SharedPages(prefix)))
        self.wheel = stack.enter_context(contextlib.closing(SharedWheel(prefix + "wheel")))

    def live(self, seconds: float) -> None:
        """Let it live for a while."""
        end_s = self.clock.now() + seconds
        while self.clock.now() < end_s:
            self.clock.sleep_until(self.game.next_step_s)
            self.simulation.step()

    def read(self, page: Page) -> dict[str, Any]:
        """Return what a reader sees of a page."""
        return LAYOUTS[page].unpack(self.pages.read(page))

    @property
    def packet_id(self) -> int:
        """The physics counter that a reader sees."""
        return int(self.read(Page.PHYSICS)["packetId"])

    @property
    def status(self) -> int:
        """The status that a reader sees."""
        return int(self.read(Page.GRAPHICS)["status"])

    def changes_in(self, seconds: float) -> set[Page]:
        """Return the pages that change while it lives for a while."""
        before = {page: self.pages.read(page) for page in Page}
        self.live(seconds)
        return {page for page in Page if self.pages.read(page) != before[page]}


@pytest.fixture
def played() -> Iterator[Played]:
    """A simulation that has not lived yet."""
    with contextlib.ExitStack() as stack:
        yield Played(new_name(), stack)


@pytest.fixture
def driven(played: Played) -> Played:
    """One that is driven at full throttle."""
    played.live(1.0)
    played.wheel.apply(START)
    played.live(0.06)
    played.wheel.apply(Controls(throttle=1.0))
    played.live(1.0)
    return played


def test_loads_and_appears_page_by_page(played: Played) -> None:
    """Zeros first, then static and graphics pages, then physics; each step is published."""
    assert played.changes_in(0.4) == set()
    assert played.changes_in(0.2) == {Page.GRAPHICS, Page.STATIC}
    assert played.changes_in(0.4) == {Page.GRAPHICS, Page.PHYSICS}
    for packet_id in range(played.packet_id + 1, played.packet_id + 101):
        played.live(0.002)
        assert played.packet_id == packet_id
    assert played.read(Page.STATIC)["smVersion"] == "1.7"


def test_is_driven_by_the_shared_wheel(driven: Played) -> None:
    """What another process does with the wheel moves the car."""
    assert driven.read(Page.PHYSICS)["gas"] == 1.0
    assert driven.read(Page.PHYSICS)["speedKmh"] > 5.0
    assert driven.status == LIVE


def test_what_a_wheel_did_before_the_launch_is_not_seen(played: Played) -> None:
    """A pedal that is down when the game starts reads zero until it moves."""
    played.wheel.apply(Controls(throttle=1.0))
    played.simulation.step()
    played.simulation.obey("relaunch")
    played.live(1.0)
    assert played.read(Page.PHYSICS)["gas"] == 0.0
    played.wheel.apply(Controls(throttle=0.5))
    played.live(0.01)
    assert played.read(Page.PHYSICS)["gas"] == pytest.approx(0.49, abs=0.01)


def test_pause_and_resume(driven: Played) -> None:
    """In the pause menu frames go on and physics stands still."""
    assert driven.simulation.obey("pause\n") == "paused"
    driven.live(0.01)
    assert driven.status == PAUSE
    assert driven.changes_in(0.5) == {Page.GRAPHICS}
    assert driven.simulation.obey("resume") == "resumed"
    driven.live(0.01)
    assert driven.status == LIVE
    assert Page.PHYSICS in driven.changes_in(0.1)


def test_stall(driven: Played) -> None:
    """A game that hangs changes nothing for as long as it was told, and goes on."""
    assert driven.simulation.obey("stall 0.5") == "stalled for 0.5 s"
    driven.live(0.003)
    assert driven.changes_in(0.48) == set()
    assert driven.status == LIVE
    assert driven.changes_in(0.1) == {Page.PHYSICS, Page.GRAPHICS}


def test_freeze(driven: Played) -> None:
    """A game that hangs for good goes on saying LIVE, until it is launched anew."""
    driven.simulation.obey("freeze")
    assert driven.changes_in(5.0) == set()
    assert driven.status == LIVE
    driven.simulation.obey("relaunch")
    assert driven.changes_in(1.0) >= {Page.PHYSICS, Page.GRAPHICS}


def test_relaunch_keeps_old_bytes_while_loading(driven: Played) -> None:
    """A new process shows the last one's pages until it has its own; its counters start anew."""
    before = driven.packet_id
    assert driven.simulation.obey("relaunch 9") == "relaunched from seed 9"
    assert driven.changes_in(0.4) == set()
    driven.live(0.6)
    assert driven.packet_id < before
    assert driven.simulation.obey("relaunch") == "relaunched from seed 4"


def test_exit_says_off(driven: Played) -> None:
    """The last frame has status 0, physics keeps its last values, and the run ends."""
    before = driven.packet_id
    commands: queue.SimpleQueue[str] = queue.SimpleQueue()
    commands.put("exit")
    said: list[str] = []
    driven.simulation.run(driven.clock, commands, said.append)
    assert said == ["ended"]
    assert driven.status == OFF
    assert before <= driven.packet_id <= before + 1


def test_crash_ends_the_process(driven: Played) -> None:
    """It dies at once, without a last word on its pages."""
    before = driven.pages.read(Page.GRAPHICS)
    driven.simulation.obey("crash")
    assert driven.died == [CRASH_STATUS]
    assert driven.pages.read(Page.GRAPHICS) == before


def test_tear_on_and_off(played: Played) -> None:
    """Tearing is switched by a word."""
    publisher = played.simulation._publisher
    assert played.simulation.obey("tear on") == "tearing on"
    assert publisher.tearing
    assert played.simulation.obey("tear off") == "tearing off"
    assert not publisher.tearing


@pytest.mark.parametrize(
    "line", ["jump", "stall", "stall x", "stall nan", "stall -1", "tear", "tear up", "relaunch x"]
)
def test_commands_that_make_no_sense_are_answered(played: Played, line: str) -> None:
    """A mistyped line is explained and changes nothing; the simulation goes on."""
    with pytest.raises(SettingError):
        played.simulation.obey(line)
    commands: queue.SimpleQueue[str] = queue.SimpleQueue()
    for each in (line, "exit"):
        commands.put(each)
    said: list[str] = []
    played.simulation.run(played.clock, commands, said.append)
    assert said[0].startswith("error: ")
    assert said[1:] == ["ended"]


def test_help_names_every_command(played: Played) -> None:
    """Help has a line for each command."""
    assert played.simulation.obey("help") == HELP
    for command in played.simulation._commands:
        assert command in HELP


class Publishing(ManualClock):
    """A clock with somebody who publishes whenever we wait."""

    def __init__(self, publish: Callable[[], None]) -> None:
        super().__init__()
        self._publish = publish

    def sleep_until(self, deadline: float) -> None:
        self._publish()
        super().sleep_until(deadline)


def test_refuses_to_run_beside_another(driven: Played) -> None:
    """Pages that change, even in the pause menu, belong to somebody who runs."""
    clock = Publishing(lambda: driven.live(0.1))
    for command in ("resume", "pause"):
        driven.simulation.obey(command)
        with (
            pytest.raises(GameError, match=driven.prefix),
            open_simulation(clock, prefix=driven.prefix),
        ):
            raise AssertionError("it opened")


def test_takes_over_what_was_left_behind(driven: Played) -> None:
    """Pages that do not change are no obstacle, nor are ones that are missing or too small."""
    driven.simulation.obey("freeze")
    driven.live(0.01)
    refuse_beside_another(driven.prefix, ManualClock())
    refuse_beside_another(driven.prefix + "absent_", ManualClock())
    with create_region(driven.prefix + "small_physics", 16):
        refuse_beside_another(driven.prefix + "small_", ManualClock())


def test_opens_and_lets_go_of_everything(played: Played) -> None:
    """A simulation that was closed leaves nothing behind."""
    prefix = played.prefix + "other_"
    with (
        open_simulation(played.clock, prefix=prefix, wheel_name=prefix + "wheel") as simulation,
        contextlib.closing(SharedPages(prefix)) as pages,
    ):
        simulation.step()
        assert pages.read(Page.PHYSICS) == bytes(592)
    with pytest.raises(SettingError), open_simulation(played.clock, gearbox="manual"):
        raise AssertionError("it opened")
    for name in ("physics", "wheel"):
        with pytest.raises(GameAbsentError):
            open_region(prefix + name, 0)


def test_a_wheel_has_one_simulation(played: Played) -> None:
    """With pages of its own but another's wheel it does not start, and publishes nothing."""
    prefix = played.prefix + "other_"
    with (
        pytest.raises(GameError, match="still runs"),
        open_simulation(played.clock, prefix=prefix, wheel_name=played.prefix + "wheel"),
    ):
        raise AssertionError("it opened")
    with pytest.raises(GameAbsentError):
        open_region(prefix + "physics", 0)


@pytest.mark.parametrize(
    ("prefix", "wheel"), [("../x_", "wheel"), ("", "wheel"), ("x_", "/home/x"), ("x_", "x_physics")]
)
def test_names_that_lead_elsewhere_are_refused(prefix: str, wheel: str) -> None:
    """Before anything is opened."""
    with (
        pytest.raises(SettingError),
        open_simulation(ManualClock(), prefix=prefix, wheel_name=wheel),
    ):
        raise AssertionError("it opened")


@pytest.mark.parametrize("for_s", [0.0, 0.1])
def test_ends_after_its_time(driven: Played, for_s: float) -> None:
    """It ends as if told to, at the first step past its time."""
    before_s = driven.clock.now()
    said: list[str] = []
    driven.simulation.run(driven.clock, queue.SimpleQueue(), said.append, for_s=for_s)
    assert said == ["ended"]
    assert driven.status == OFF
    assert driven.clock.now() - before_s == pytest.approx(for_s, abs=0.0031)


def test_a_very_long_time_does_not_end_it(driven: Played) -> None:
    """No time is too long to be waited for."""
    commands: queue.SimpleQueue[str] = queue.SimpleQueue()
    for line in ("pause", "exit"):
        commands.put(line)
    said: list[str] = []
    driven.simulation.run(driven.clock, commands, said.append, for_s=1e300)
    assert said == ["paused", "ended"]
