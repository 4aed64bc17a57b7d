"""A process that spools is killed at any moment: what `append` returned for is there, once."""

from __future__ import annotations

import random
from pathlib import Path

from ac_bridge.edge.spool import Spool
from helpers.spooling import MAX_BYTES, content, spooling

KILLS = 10
MOST_LINES = 40


def run_and_kill(path: Path, seed: int, lines: int) -> dict[str, int]:
    """Kill a process after it said so many lines; return the largest number that it told of each.

    Between its last line and the kill it is anywhere in what it does next.
    """
    told = {"appended": 0, "acknowledged": 0}
    with spooling(path, seed) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
    for line in said:
        if line.endswith("\n"):
            what, number = line.split()
            told[what] = max(told[what], int(number))
    return told


def test_kills(tmp_path: Path) -> None:
    """One spool, killed time and again: each record that was told of is there, once, in order."""
    path, chance = tmp_path / "drive.spool", random.Random(1)
    ids: set[str] = set()
    for seed in range(KILLS):
        told = run_and_kill(path, seed, chance.randint(1, MOST_LINES))
        assert told["appended"] > 0
        with Spool(path, max_bytes=MAX_BYTES) as spool:
            stats = spool.stats()
            kept = spool.read(0, MAX_BYTES, MAX_BYTES)
            ids.add(spool.spool_id)
        assert stats.last >= told["appended"]
        assert stats.acknowledged >= told["acknowledged"]
        assert kept == [
            (number, content(number)) for number in range(stats.acknowledged + 1, stats.last + 1)
        ]
        assert (stats.records, stats.bytes) == (len(kept), sum(len(record) for _, record in kept))
        assert stats.dropped == 0
    assert len(ids) == 1
