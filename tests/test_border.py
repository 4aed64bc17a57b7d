"""A lap across processes: game, actor and learner, with the operating system between them."""

from __future__ import annotations

import contextlib
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ac_bridge_client import RemoteEnv
from helpers.border import ACTOR, Simulation, address, command, drive_a_lap_and_reset, simulation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="shared memory of Linux")


@contextlib.contextmanager
def three_processes(game_dir: Path) -> Iterator[tuple[Simulation, RemoteEnv]]:
    """Game, actor, and this one as the learner."""
    name = f"acbt{uuid.uuid4().hex[:8]}_"
    with contextlib.ExitStack() as stack:
        game = stack.enter_context(simulation(name, name + "wheel", "--game-dir", str(game_dir)))
        actor = stack.enter_context(
            command(
                "actor", "--game", "shm", "--controller", "standin", "--page-prefix", name,
                "--wheel-name", name + "wheel", "--with-parent", "--game-dir", str(game_dir),
                *ACTOR,
            )
        )  # fmt: skip
        yield game, stack.enter_context(RemoteEnv(address(actor), observation="racing"))


def test_a_lap_is_driven_across_processes(tmp_path: Path) -> None:
    """A valid lap and three resets, through /dev/shm and a WebSocket; no frame is wrong."""
    with three_processes(tmp_path) as (_, env):
        report = drive_a_lap_and_reset(env)
    assert report.complete(1), report
    assert 60.0 < report.lap_times_s[0] < 120.0
