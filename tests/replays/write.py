"""Writes every golden transcript anew: ``python -m replays.write`` in the folder ``tests``.

Only of the version that is being worked on. What a released version said is not written again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ac_bridge.replay.scene import play
from replays import scenarios  # noqa: F401 -- fills the list
from replays.script import SCENARIOS

FOLDER = Path(__file__).parent / "v1"


def written(name: str | None = None) -> dict[str, bytes]:
    """Return the bytes of every file by its name, or of those of one scenario."""
    return {
        file: play(head, done).dump()
        for one in SCENARIOS
        if name in (None, one.name)
        for file, (head, done) in one.files().items()
    }


def main() -> None:
    """Write them, and take away those that no scenario writes."""
    files = written()
    for old in FOLDER.glob("*.jsonl"):
        if old.name not in files:
            old.unlink()
    for name, data in files.items():
        (FOLDER / name).write_bytes(data)
        print(f"{name}: {len(data)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
