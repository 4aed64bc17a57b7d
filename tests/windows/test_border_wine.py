"""The same lap with the game and the actor on Windows, and the learner on Linux.

The stand-in publishes named mappings; the actor reads them and steers through the real pyvjoy over
the stub of the driver, which feeds the stand-in's wheel.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ac_bridge_client import RemoteEnv
from helpers.border import ACTOR, Simulation, address, drive_a_lap_and_reset, stop
from helpers.wine import WindowsPython


@contextlib.contextmanager
def game_on_windows(windows: WindowsPython, *options: str) -> Iterator[Simulation]:
    """Run the stand-in there."""
    with windows.start("-m", "ac_bridge.cli", "simulate", "--with-parent", *options) as process:
        yield Simulation(process)
        stop(process)


@contextlib.contextmanager
def actor_on_windows(windows: WindowsPython, *options: str) -> Iterator[RemoteEnv]:
    """Run the actor there, and connect to it from here."""
    doors = ("--game", "shm", "--controller", "vjoy", "--with-parent", *options)
    with windows.start("-m", "ac_bridge.cli", "actor", *doors, *ACTOR) as process:
        observation = "racing" if options else "bridge15"
        with RemoteEnv(address(process), observation=observation) as env:
            yield env
        stop(process)


def test_a_lap_is_driven_across_the_border(wpy_vjoy: WindowsPython, tmp_path: Path) -> None:
    """A valid lap and three resets, along the line of the track's files."""
    files = ("--game-dir", wpy_vjoy.windows_path(tmp_path))
    with game_on_windows(wpy_vjoy, *files), actor_on_windows(wpy_vjoy, *files) as env:
        report = drive_a_lap_and_reset(env)
    assert report.complete(1), report
    assert 60.0 < report.lap_times_s[0] < 120.0


def test_a_killed_game_ends_the_episode_and_another_takes_over(wpy_vjoy: WindowsPython) -> None:
    """The actor stays; when a new game is started a reset is all it takes."""
    with contextlib.ExitStack() as stack:
        game = stack.enter_context(game_on_windows(wpy_vjoy))
        env = stack.enter_context(actor_on_windows(wpy_vjoy))
        env.reset()
        for _ in range(20):
            env.step([0.0, 0.8, 0.0])
        game.kill()
        for _ in range(100):
            _, _, terminated, truncated, info = env.step([0.0, 0.8, 0.0])
            if truncated:
                break
        assert not terminated
        assert info["end_reason"] in ("game_lost", "game_absent")
        stack.enter_context(game_on_windows(wpy_vjoy))
        _, info = env.reset()
        assert info["state"] == "live"
        for _ in range(40):
            _, _, _, truncated, info = env.step([0.0, 0.8, 0.0])
            assert not truncated
        assert info["speed_kmh"] > 10.0
