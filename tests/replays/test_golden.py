"""Golden transcripts: an actor still says each byte of them, and the scenarios still write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ac_bridge.replay.check import check_actor
from ac_bridge.replay.scene import play
from ac_bridge.replay.transcript import load
from replays.script import SCENARIOS
from replays.write import FOLDER, files

GOLDEN = sorted(Path(__file__).parent.glob("*/*.jsonl"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_actor_says_it_again(path: Path) -> None:
    """What was recorded, of this version and of every released one, comes again byte for byte."""
    found = check_actor(load(path.read_bytes(), path.name))
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("name", sorted(files()))
def test_a_file_is_what_its_scenario_does(name: str) -> None:
    """Nobody edited a transcript, or a scenario, without writing the files anew."""
    head, done = files()[name]
    transcript = load((FOLDER / name).read_bytes(), name)
    assert transcript.head == head
    assert transcript.done == done
    assert transcript.dump() == (FOLDER / name).read_bytes()


def test_every_file_has_a_scenario() -> None:
    """A scenario that was taken away or renamed leaves no file behind."""
    assert {path.name for path in FOLDER.glob("*.jsonl")} == set(files())
    assert len(SCENARIOS) == len({one.name for one in SCENARIOS})


def test_playing_twice_gives_the_same_bytes() -> None:
    """What is written depends on nothing but the scenario: not on memory, time or hashes."""
    head, done = files()["takeover_under_way.json.jsonl"]
    assert play(head, done).dump() == play(head, done).dump()
