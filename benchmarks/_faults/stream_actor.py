"""An actor that takes policies, records what it drives, and can be killed and started again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from _faults.scene import Program, start_actor
from _faults.stream_policy import HZ
from ac_bridge.edge.spool import Spool

RUN = ("-P", str(Path(__file__).with_name("recorded_actor.py")))
SPOOL = "records.spool"


def start_recorded(folder: Path, life: int, port: int = 0) -> Program:
    """Start an actor that takes policies, and records what it drives.

    Args:
        folder: has the spool, and the recordings of each life.
        life: how often it was started before.
        port: where it listens; 0 for a free one.
    """
    return start_actor(
        *("--game", "standin", "--real-time", "--control-hz", f"{HZ:g}", "--telemetry-hz", "10"),
        *("--spool", str(folder / "spool"), "--no-record-wire"),
        *("--record", str(recorded_in(folder, life))),
        port=port,
        run=RUN,
    )


def recorded_in(folder: Path, life: int) -> Path:
    """Return the folder with the recording of a life."""
    return folder / f"life_{life:03}"


def spool_last(folder: Path) -> int:
    """Return the last number of the spool of an actor that is dead.

    A copy is opened: the spool itself is left as the actor did, for the next one to find.
    """
    with tempfile.TemporaryDirectory() as name:
        copy = Path(shutil.copytree(folder / "spool", Path(name) / "spool"))
        with Spool(copy / SPOOL, max_bytes=1) as spool:
            last: int = spool.stats().last
            return last
