"""A step as the learner took it, and the checkpoints of one that keeps everything. No socket."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ac_bridge_client import Batch
from ac_bridge_protocol.messages import Receipt


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """One step."""

    number: int
    """Of its record in the spool."""
    policy: int
    episode: int
    tick: int
    observation: tuple[float, ...]
    action: tuple[float, ...]
    next_observation: tuple[float, ...]
    reward: float
    terminated: bool
    truncated: bool
    receipt: Receipt


def steps_of(batch: Batch) -> Iterator[Taken]:
    """Yield a batch's steps."""
    for row in range(len(batch)):
        yield Taken(
            number=int(batch.number[row]),
            policy=int(batch.policy[row]),
            episode=int(batch.episode[row]),
            tick=int(batch.tick[row]),
            observation=tuple(batch.observation[row].tolist()),
            action=tuple(batch.action[row].tolist()),
            next_observation=tuple(batch.next_observation[row].tolist()),
            reward=float(batch.reward[row]),
            terminated=bool(batch.terminated[row]),
            truncated=bool(batch.truncated[row]),
            receipt=batch.receipts[row],
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a learner keeps at once: what it took since the one before, and how far that is."""

    number: int
    """From 1; 0 before the first."""
    position: str
    steps: Sequence[Taken] = ()

    @property
    def upto(self) -> int:
        """The last number of the spool that is kept."""
        bookmarks = json.loads(self.position)["bookmarks"] if self.position else []
        return max((bookmark["upto"] for bookmark in bookmarks), default=0)


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Keep a checkpoint: whoever is killed meanwhile has kept all of it, or nothing."""
    told = {
        "position": checkpoint.position,
        "steps": [_plain(step) for step in checkpoint.steps],
    }
    beside = folder / "checkpoint.new"
    with beside.open("w") as file:
        json.dump(told, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(_path(folder, checkpoint.number))


def newest(folder: Path) -> Checkpoint:
    """Return the last one that was kept, without its steps."""
    number = count(folder)
    if not number:
        return Checkpoint(0, "")
    return Checkpoint(number, json.loads(_path(folder, number).read_text())["position"])


def count(folder: Path) -> int:
    """Return how many were kept."""
    return sum(1 for _ in folder.glob("*.json"))


def all_steps(folder: Path) -> list[Taken]:
    """Return the steps of all checkpoints, in order."""
    return [
        _revived(step)
        for number in range(1, count(folder) + 1)
        for step in json.loads(_path(folder, number).read_text())["steps"]
    ]


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:06}.json"


def _plain(step: Taken) -> dict[str, Any]:
    fields = {field.name: getattr(step, field.name) for field in dataclasses.fields(step)}
    return fields | {"receipt": step.receipt.model_dump(mode="json")}


def _revived(plain: dict[str, Any]) -> Taken:
    rows = ("observation", "action", "next_observation")
    lists = {name: tuple(plain[name]) for name in rows}
    receipt = Receipt.model_validate_json(json.dumps(plain["receipt"]))
    return Taken(**plain | lists | {"receipt": receipt})
