"""An actor that ends at speed, in whatever way: the wheel of a game beside it is neutral."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from ac_bridge_client import RemoteEnv
from helpers.border import ACTOR, address, command, simulation, wheel_is_neutral
from helpers.guardians import eventually, guardians_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="shared memory of Linux")

ACTION = [0.05, 0.9, 0.0]


class Scene:
    """A game, an actor and its guardian in processes of their own; this one drives."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        name = f"acbt{uuid.uuid4().hex[:8]}_"
        self.wheel = name + "wheel"
        stack.enter_context(simulation(name, self.wheel))
        names = ("--page-prefix", name, "--wheel-name", self.wheel)
        self.options = ("--game", "shm", "--controller", "standin", *names, "--with-parent", *ACTOR)
        self.actor: subprocess.Popen[str] = stack.enter_context(command("actor", *self.options))
        self.env = RemoteEnv(address(self.actor))
        # An actor that was killed cannot answer when it is let go of.
        stack.callback(self.leave)

    def leave(self) -> None:
        """Close the link, whether anybody is at its other end or not."""
        with contextlib.suppress(Exception):  # nobody may be there
            self.env.close()

    def drive_off(self) -> None:
        """Reset and drive until the car moves."""
        self.env.reset()
        for _ in range(30):
            _, _, _, truncated, info = self.env.step(ACTION)
            assert not truncated
        assert info["speed_kmh"] > 5.0
        assert not self.is_neutral()

    def is_neutral(self) -> bool:
        """Look at the device itself."""
        return wheel_is_neutral(self.wheel)


@pytest.fixture
def scene() -> Iterator[Scene]:
    with contextlib.ExitStack() as stack:
        scene = Scene(stack)
        scene.drive_off()
        yield scene


def test_a_killed_actor_leaves_the_wheel_neutral(scene: Scene) -> None:
    """By kill -9 at speed: its guardian sets the wheel neutral, and goes."""
    assert len(guardians_of(scene.wheel)) == 1
    scene.actor.kill()
    assert eventually(scene.is_neutral)
    assert eventually(lambda: not guardians_of(scene.wheel))


def test_an_actor_whose_guardian_was_killed_gets_another(scene: Scene) -> None:
    """The drive goes on, and then kill -9 is as harmless as before."""
    (first,) = guardians_of(scene.wheel)
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: guardians_of(scene.wheel) not in ([], [first]))
    _, _, _, truncated, _ = scene.env.step(ACTION)
    assert not truncated
    scene.actor.kill()
    assert eventually(scene.is_neutral)


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_an_actor_that_is_asked_to_end_lets_go_itself(
    scene: Scene, number: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """At speed; the wheel is neutral and the guardian gone, unused, when the actor has ended."""
    scene.actor.send_signal(signal.Signals[number])
    assert scene.actor.wait(30.0) == 0
    assert scene.is_neutral()
    assert guardians_of(scene.wheel) == []
    assert "guardian" not in capfd.readouterr().err


def test_a_stopped_actor_that_is_killed(scene: Scene) -> None:
    """Frozen first: nothing of it ran when it died."""
    scene.actor.send_signal(signal.SIGSTOP)
    scene.actor.kill()
    assert eventually(scene.is_neutral)
