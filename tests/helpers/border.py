"""A game, an actor and a learner in three processes: what is driven across their borders."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import IO

from ac_bridge.game import NEUTRAL
from ac_bridge.game.regions import open_region
from ac_bridge.standin.wheel import DEVICE, pack_controls
from ac_bridge_client import RemoteEnv
from ac_bridge_client.drivers import LineDriver
from ac_bridge_client.laps import LapReport, drive_laps

CONTROL_HZ = 20
STANDING_KMH = 2.0
FIRST_GEAR = 2
LONGEST_LAP_S = 150
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
ACTOR = ("--listen", "127.0.0.1:0", "--control-hz", str(CONTROL_HZ), "--log-level", "error")


class Simulation:
    """An `ac-bridge simulate` in a process of its own, obeying commands."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.first_line = process.stdout.readline() if process.stdout else ""
        assert self.first_line.startswith("Publishing "), self.first_line

    def tell(self, command: str) -> None:
        """Type a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def command(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run one of our commands with this Python; whatever is left of it at the end is ended."""
    environment = {name: value for name, value in os.environ.items() if "AC_BRIDGE" not in name}
    process = subprocess.Popen(
        [sys.executable, "-m", "ac_bridge.cli", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    with process:
        try:
            yield process
        finally:
            stop(process)


@contextlib.contextmanager
def simulation(prefix: str, wheel: str, *options: str) -> Iterator[Simulation]:
    """Run a stand-in that publishes to the operating system's shared memory."""
    names = ("--prefix", prefix, "--wheel", wheel, "--with-parent")
    with command("simulate", *names, *options) as process:
        yield Simulation(process)


def wheel_is_neutral(wheel: str) -> bool:
    """Look at the device of a stand-in's wheel itself, where the game does."""
    with contextlib.closing(open_region(wheel, DEVICE.size)) as region:
        return region.read(DEVICE.size) == pack_controls(NEUTRAL)


def address(process: subprocess.Popen[str]) -> str:
    """Return the address that an actor says it serves on."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Serving on "), line
    return line.split()[-1]


def stop(process: subprocess.Popen[str]) -> None:
    """End a process by closing its input, and by force if that is not enough."""
    _close(process.stdin)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _close(stream: IO[str] | None) -> None:
    if stream is not None:
        with contextlib.suppress(BrokenPipeError):
            stream.close()


def drive_a_lap_and_reset(env: RemoteEnv) -> LapReport:
    """Drive a whole lap, then reset twice more and drive off each time; three resets in all."""
    driver = LineDriver(env.env_spec)
    report = drive_laps(env, driver, 1, max_steps=LONGEST_LAP_S * CONTROL_HZ)
    for _ in range(2):
        _, info = env.reset()
        assert info["speed_kmh"] < STANDING_KMH
        assert info["current_time"] < 1000
        assert info["completed_laps"] == 0
        assert info["gear"] >= FIRST_GEAR
        for _ in range(2 * CONTROL_HZ):
            _, _, terminated, truncated, info = env.step([0.0, 0.8, 0.0])
            assert not terminated
            assert not truncated
        assert info["speed_kmh"] > 10.0
        assert info["state"] == "live"
    return report
