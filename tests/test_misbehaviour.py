"""A game in another process that misbehaves: its state, the wheel, and what comes after."""

from __future__ import annotations

import contextlib
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from ac_bridge_client import RemoteEnv
from helpers.border import ACTOR, Simulation, address, command, simulation, wheel_is_neutral

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="shared memory of Linux")

ACTION = [0.02, 0.6, 0.0]
PATIENCE_STEPS = 100
"""At 20 a second: five seconds, where no state takes longer than one."""


class Scene:
    """A game and an actor in processes of their own; this one drives."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.name = f"acbt{uuid.uuid4().hex[:8]}_"
        self._stack = stack
        self.game = self.new_game()
        names = ("--page-prefix", self.name, "--wheel-name", self.name + "wheel")
        doors = ("--game", "shm", "--controller", "standin", *names)
        actor = stack.enter_context(command("actor", *doors, "--with-parent", *ACTOR))
        self.env = stack.enter_context(RemoteEnv(address(actor)))

    def new_game(self) -> Simulation:
        """Start a game under the same names."""
        self.game = self._stack.enter_context(simulation(self.name, self.name + "wheel"))
        return self.game

    def drive_off(self) -> dict[str, Any]:
        """Reset and drive until the car moves."""
        _, info = self.env.reset()
        assert info["state"] == "live"
        for _ in range(30):
            _, _, _, truncated, info = self.env.step(ACTION)
            assert not truncated
        assert info["speed_kmh"] > 5.0
        assert not self.wheel_is_neutral()
        return info

    def drive_on(self, steps: int = PATIENCE_STEPS) -> tuple[list[str], str]:
        """Step until the episode ends; return the states seen, in order, and why it ended."""
        states: list[str] = []
        for _ in range(steps):
            _, _, terminated, truncated, info = self.env.step(ACTION)
            assert not terminated
            if info["state"] not in states[-1:]:
                states.append(str(info["state"]))
            if truncated:
                return states, info["end_reason"]
        return states, ""

    def wheel_is_neutral(self) -> bool:
        """Look at the device itself."""
        return wheel_is_neutral(self.name + "wheel")


@pytest.fixture
def scene() -> Iterator[Scene]:
    with contextlib.ExitStack() as stack:
        scene = Scene(stack)
        scene.drive_off()
        yield scene


def test_pause(scene: Scene) -> None:
    """The menu: told at once; after it a reset is all it takes."""
    scene.game.tell("pause")
    states, end = scene.drive_on()
    assert (states[-1], end) == ("paused", "game_paused")
    assert scene.wheel_is_neutral()
    scene.game.tell("resume")
    scene.drive_off()


def test_stall(scene: Scene) -> None:
    """Less than a second: the wheel is neutral meanwhile, and the drive goes on by itself."""
    scene.game.tell("stall 0.4")
    neutral_while_stalled = []
    states = []
    for _ in range(40):
        _, _, _, truncated, info = scene.env.step(ACTION)
        assert not truncated
        states.append(info["state"])
        if info["state"] == "stalled":
            neutral_while_stalled.append(scene.wheel_is_neutral())
    assert "stalled" in states
    assert all(neutral_while_stalled)
    assert states[-1] == "live"
    assert not scene.wheel_is_neutral()


def test_tear(scene: Scene) -> None:
    """Half-written pages are noticed and read again; nothing else changes."""
    before = scene.drive_off()["torn_reads"]
    scene.game.tell("tear on")
    states, end = scene.drive_on(40)
    assert end == ""
    assert set(states) <= {"live", "stalled"}, "a busy machine may hold up any process for 50 ms"
    _, _, _, _, info = scene.env.step(ACTION)
    assert info["torn_reads"] > before


@pytest.mark.parametrize("how", ["freeze", "kill"])
def test_pages_that_say_live_for_ever(scene: Scene, how: str) -> None:
    """Stalled at first, lost after a second; a new game is found without starting anything anew."""
    if how == "kill":
        scene.game.kill()
    else:
        scene.game.tell(how)
    states, end = scene.drive_on()
    assert states[-2:] == ["stalled", "lost"]
    assert end == "game_lost"
    assert scene.wheel_is_neutral()
    scene.game.kill()
    scene.new_game()
    scene.drive_off()


def test_clean_exit(scene: Scene) -> None:
    """The game says so, or its pages are gone already when the actor looks."""
    scene.game.tell("exit")
    _, end = scene.drive_on()
    assert end in ("game_waiting", "game_absent")
    scene.game.process.wait(10)
    scene.new_game()
    assert scene.wheel_is_neutral()
    scene.drive_off()


def test_crash(scene: Scene) -> None:
    """Gone from one moment to the next, with its files left behind."""
    scene.game.tell("crash")
    states, end = scene.drive_on()
    assert (states[-1], end) == ("lost", "game_lost")
    assert scene.wheel_is_neutral()
    scene.new_game()
    scene.drive_off()


def test_new_process(scene: Scene) -> None:
    """Another launch in the same memory: the old drive is over, the next reset drives the new."""
    scene.game.tell("relaunch 7")
    _, end = scene.drive_on()
    assert end.startswith("game_")
    assert scene.wheel_is_neutral()
    scene.drive_off()
