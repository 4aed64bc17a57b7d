"""A real guardian beside this process, on the wheel of a stand-in that nobody plays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ac_bridge.game import NEUTRAL, Controls, Inheritance
from ac_bridge.guardian import keeper as keeper_module
from ac_bridge.guardian.keeper import GuardianKeeper
from ac_bridge.standin.shared import SharedWheel, WheelRegion
from ac_bridge.standin.wheel import DEVICE, pack_controls
from helpers.guardians import eventually, guardians_of

DRIVING = Controls(steer=0.3, throttle=0.9)

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


class Scene:
    """A wheel in shared memory, left with the throttle down."""

    def __init__(self) -> None:
        self.name = f"ac_bridge_test_{uuid.uuid4().hex}"
        self.region = WheelRegion(self.name)
        self.inheritance = Inheritance("standin", self.name)
        self.leave_driving()

    def leave_driving(self) -> None:
        """Leave the wheel as a dead actor does."""
        self.region._region.write(0, pack_controls(DRIVING))

    def shows(self, controls: Controls) -> bool:
        """Whether the device is in that state."""
        return self.region._region.read(DEVICE.size) == pack_controls(controls)


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    with scene.region:
        yield scene


def test_a_wheel_that_goes_with_its_process_needs_no_guardian() -> None:
    """Nothing is started."""
    with GuardianKeeper(None) as keeper:
        assert keeper.pid is None


def test_without_a_farewell_the_wheel_is_set_neutral(scene: Scene) -> None:
    """The pipe was closed, by whatever ended us."""
    with GuardianKeeper(scene.inheritance):
        assert scene.shows(DRIVING)
    assert scene.shows(NEUTRAL)


def test_after_a_farewell_the_wheel_is_left_alone(scene: Scene) -> None:
    """The next actor may be driving already."""
    with GuardianKeeper(scene.inheritance) as keeper:
        keeper.farewell()
    assert scene.shows(DRIVING)


def test_closing_twice(scene: Scene) -> None:
    """The second time there is nothing to do."""
    keeper = GuardianKeeper(scene.inheritance)
    keeper.farewell()
    keeper.close()
    keeper.close()
    assert keeper.pid is None


@linux_only
def test_a_guardian_that_is_closed_has_gone(scene: Scene) -> None:
    """Whether it had to act or not."""
    with GuardianKeeper(scene.inheritance) as keeper:
        assert guardians_of(scene.name) == [keeper.pid]
    assert guardians_of(scene.name) == []


@linux_only
def test_what_ends_a_terminals_programs_does_not_end_it(scene: Scene) -> None:
    """It goes on watching, and acts when the pipe says so."""
    with GuardianKeeper(scene.inheritance) as keeper:
        pid = keeper.pid
        assert pid is not None
        assert os.getpgid(pid) != os.getpgid(0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pid, number)
    assert scene.shows(NEUTRAL)


@linux_only
def test_a_guardian_that_dies_is_followed_by_another(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that one watches as well."""
    monkeypatch.setattr(keeper_module, "FIRST_WAIT_S", 0.01)
    with GuardianKeeper(scene.inheritance) as keeper:
        first = keeper.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert eventually(lambda: keeper.pid not in (None, first))
        assert guardians_of(scene.name) == [keeper.pid]
        assert scene.shows(DRIVING)
    assert scene.shows(NEUTRAL)


def test_nothing_that_we_start_later_keeps_it_waiting(scene: Scene) -> None:
    """The pipe's end is ours alone: a careless child that outlives us does not hold it."""
    with GuardianKeeper(scene.inheritance):
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
        )
    assert scene.shows(NEUTRAL)
    assert child.poll() is None
    child.communicate(b"\n")


def test_a_guardian_that_can_never_act_is_not_tried_again(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    """It says why, and the actor goes on without one."""
    if sys.platform == "win32":
        pytest.skip("vJoy may be there")
    with GuardianKeeper(Inheritance("vjoy", "1")) as keeper:
        assert keeper._thread is not None
        keeper._thread.join(20.0)
        assert not keeper._thread.is_alive()
    assert "cannot watch over the wheel" in capfd.readouterr().err


@linux_only
def test_a_descriptor_is_handed_on(tmp_path: Path) -> None:
    """What stands for an uinput device is written to by the guardian, though we closed it."""
    path = tmp_path / "device"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    keeper = GuardianKeeper(Inheritance("uinput", str(descriptor), (descriptor,)))
    os.close(descriptor)
    assert path.read_bytes() == b""
    keeper.close()
    assert path.read_bytes() != b""


def test_the_wheel_says_how_it_can_be_taken(scene: Scene) -> None:
    """In the words that these guardians were started with."""
    wheel = SharedWheel(scene.name)
    inheritance = wheel.inheritance()
    assert inheritance == scene.inheritance
    wheel.close()
