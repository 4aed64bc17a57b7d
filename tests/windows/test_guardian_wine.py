"""An actor that is ended by force on Windows: its guardian sets the wheel neutral.

What Wine calls TerminateProcess is what the task manager does: the actor gets no chance to tidy up.
"""

from __future__ import annotations

import contextlib
import json

import pytest

from ac_bridge_client import RemoteEnv
from helpers.border import ACTOR, Simulation, address, stop
from helpers.guardians import eventually
from helpers.wine import WindowsPython

PATIENCE_S = 180.0
NEUTRAL = [16384, 1, 1, 1, 0]
"""As the stand-in's device, whoever feeds it."""

HOLD = """
import sys, threading
from ac_bridge.game import Controls
from ac_bridge.games import GameChoice, open_wheel
from ac_bridge.guardian.keeper import GuardianKeeper

wheel = open_wheel(GameChoice(controller=sys.argv[1]))
keeper = GuardianKeeper(wheel.inheritance())
wheel.apply(Controls(steer=0.5, throttle=1.0, buttons=frozenset({1})))
print("held", flush=True)
threading.Event().wait(60)
"""
KILL = r"""
import json, subprocess, sys, threading
from ac_bridge.standin.shared import WheelRegion
from ac_bridge.standin.wheel import DEVICE

with WheelRegion() as region:
    actor = subprocess.Popen(
        [sys.executable, "-c", sys.argv[1], sys.argv[2]],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    while actor.stdout.readline() != "held\n":  # its log is there too
        assert actor.poll() is None
    driving = DEVICE.unpack(region._region.read(DEVICE.size))
    actor.kill()
    said = actor.communicate()[1]  # until the guardian has gone, which says it there
    left = DEVICE.unpack(region._region.read(DEVICE.size))
print(json.dumps({"driving": driving, "left": left, "said": said}))
"""
LOOK = """
import contextlib
from ac_bridge.game.regions import open_region
from ac_bridge.standin.wheel import DEVICE

with contextlib.closing(open_region("ac_bridge_wheel", DEVICE.size)) as region:
    while input():
        print(list(DEVICE.unpack(region.read(DEVICE.size))), flush=True)
"""


@pytest.mark.parametrize("controller", ["vjoy", "standin"])
def test_a_terminated_holder_leaves_the_wheel_neutral(
    wpy_vjoy: WindowsPython, controller: str
) -> None:
    """A device is free once its owner is dead; the guardian takes it, sets it neutral, and goes."""
    done = wpy_vjoy("-c", KILL, HOLD, controller, timeout_s=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["driving"] == [24576, 32768, 1, 1, 1], told
    assert told["left"] == NEUTRAL, told
    assert "the actor is gone; its wheel was neutral" in told["said"]


def test_a_terminated_actor_leaves_the_wheel_neutral(wpy_vjoy: WindowsPython) -> None:
    """The whole of it: a game, an actor with vJoy, and a learner that drives when it dies."""
    with contextlib.ExitStack() as stack:
        game = ("-m", "ac_bridge.cli", "simulate", "--with-parent")
        simulation = stack.enter_context(wpy_vjoy.start(*game))
        stack.callback(stop, simulation)
        Simulation(simulation)
        doors = ("--game", "shm", "--controller", "vjoy", "--with-parent")
        actor = stack.enter_context(wpy_vjoy.start("-m", "ac_bridge.cli", "actor", *doors, *ACTOR))
        watcher = stack.enter_context(wpy_vjoy.start("-c", LOOK))

        def device() -> list[int]:
            assert watcher.stdin is not None
            assert watcher.stdout is not None
            watcher.stdin.write("look\n")
            watcher.stdin.flush()
            counts: list[int] = json.loads(watcher.stdout.readline())
            return counts

        assert device() == NEUTRAL
        env = RemoteEnv(address(actor))
        env.reset()
        for _ in range(40):
            _, _, _, _, info = env.step([0.05, 0.9, 0.0])
        assert info["speed_kmh"] > 5.0
        assert device()[1] > 16384
        actor.kill()
        assert eventually(lambda: device() == NEUTRAL)
        with contextlib.suppress(Exception):  # nobody is there any more
            env.close()
