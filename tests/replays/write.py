"""Writes every golden transcript anew: ``python -m replays.write`` in the folder ``tests``.

Only of the version that is being worked on. What a released version said is not written again.
"""

from __future__ import annotations

import functools
from pathlib import Path

from ac_bridge.replay.scene import play
from ac_bridge.replay.transcript import Done, Head, joined
from replays import scenarios
from replays.script import SCENARIOS

FOLDER = Path(__file__).parent / "v1"

assert scenarios.__doc__  # imported for what it adds to the list


@functools.cache
def files() -> dict[str, tuple[Head, list[Done]]]:
    """Return the head and the lines to do of every file, by its name."""
    return {
        name: (head, list(joined(done)))
        for one in SCENARIOS
        for name, (head, done) in one.files().items()
    }


def main() -> None:
    """Write them, and take away those that no scenario writes."""
    for old in FOLDER.glob("*.jsonl"):
        if old.name not in files():
            old.unlink()
    for name, (head, done) in files().items():
        (FOLDER / name).write_bytes(play(head, done).dump())


if __name__ == "__main__":
    main()
