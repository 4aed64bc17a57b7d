"""What the learner took, compared with what the actor recorded itself.

The recording is made from the answers of the stepper, before any record of the run: neither the
spool nor the link has a part in it. It has observations, actions and receipts; what the task makes
of them is worked out from its frames anew. A step is known by its receipt, in which no two agree.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from _faults.row import BrokenPromiseError
from _faults.taken import Taken
from ac_bridge_protocol.messages import Receipt
from ac_bridge_protocol.tasks import TaskSpec, judge
from ac_bridge_recording import Recording
from ac_bridge_recording.reader import RecordedEpisode
from ac_bridge_recording.topics import Topic


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """One step, as the actor recorded it."""

    receipt: Receipt
    observation: tuple[float, ...]
    action: tuple[float, ...]
    next_observation: tuple[float, ...]
    reward: float
    terminated: bool
    over: bool
    """Whether the episode ends with it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Life:
    """One life of an actor: from its start until it was stopped, or killed."""

    episodes: Sequence[Sequence[Seen]]
    killed: bool


class Differences(NamedTuple):
    """How what was taken differs from what was recorded; all zero if each is there once."""

    missing: int = 0
    """Steps that were recorded, and never taken, though later ones of that life were, or nobody
    killed it."""
    twice: int = 0
    disordered: int = 0
    """Taken before one that was recorded earlier."""
    altered: int = 0
    """Observations, action, reward, number or an end that are not those recorded."""
    unknown: int = 0
    """That nobody recorded."""

    def __str__(self) -> str:
        return (
            f"{self.missing} missing, {self.twice} twice, {self.disordered} out of order, "
            f"{self.altered} altered, {self.unknown} that nobody recorded"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it."""

    differences: Differences
    lost: Sequence[int]
    """For each kill, how many of the last steps that were recorded were taken by nobody."""
    too_new: int
    """Steps that were taken, and made after the last that a killed recording has."""


class _Place(NamedTuple):
    """Where a step was recorded; they compare as the steps follow each other."""

    life: int
    episode: int
    step: int


def read_life(folder: Path, task: TaskSpec, *, killed: bool) -> Life:
    """Return what an actor recorded into a folder in one life.

    Raises:
        BrokenPromiseError: the recording was not kept up with, so it is no witness.
    """
    [path] = folder.iterdir()
    recording = Recording(path)
    if recording.counts().get(Topic.DROPPED):
        raise BrokenPromiseError(f"the recording {path.name} has dropped records")
    return Life([list(_judged(one, task)) for one in recording.episodes()], killed)


def _judged(episode: RecordedEpisode, task: TaskSpec) -> Iterator[Seen]:
    """Yield an episode's steps, with what the task makes of them."""
    made = task.make(episode.start.statics)
    made.reset(episode.start.frame)
    before, frame = _single(episode.start.observation), episode.start.frame
    for step in episode.steps:
        action = _single(step.action)
        judged = judge(made, frame, action, step.frame)
        yield Seen(
            receipt=step.receipt,
            observation=before,
            action=action,
            next_observation=_single(step.observation),
            reward=float(np.float32(judged.reward)),
            terminated=judged.terminated,
            over=judged.terminated or judged.truncated or step.end is not None,
        )
        before, frame = _single(step.observation), step.frame


def compare(taken: Sequence[Taken], lives: Sequence[Life], last: int) -> Comparison:
    """Compare all that a learner took with all that the actor recorded.

    Args:
        taken: by all learners, one after the other.
        lives: of the actor, in order.
        last: the last number that the spool has given.
    """
    places = {
        seen.receipt: _Place(*where)
        for life_number, life in enumerate(lives)
        for episode_number, episode in enumerate(life.episodes)
        for step_number, seen in enumerate(episode)
        for where in [(life_number, episode_number, step_number)]
    }
    found = [places.get(step.receipt) for step in taken]
    known = [place for place in found if place is not None]
    ends = {one.receipt for one in _last_seen(lives)}
    too_new = _too_new(taken, found, ends)
    lost, missing = _not_taken(set(known), lives)
    return Comparison(
        Differences(
            missing=missing,
            twice=len(taken) - len({step.receipt for step in taken}),
            disordered=sum(after < before for before, after in itertools.pairwise(known)),
            altered=_altered(taken, found, lives) + _misnumbered(taken, found, lives, last),
            unknown=len(found) - len(known) - too_new,
        ),
        lost,
        too_new,
    )


def _last_seen(lives: Sequence[Life]) -> Iterator[Seen]:
    """Yield the last step that the recording of each killed life has."""
    for life in lives:
        steps = [seen for episode in life.episodes for seen in episode]
        if life.killed and steps:
            yield steps[-1]


def _too_new(taken: Sequence[Taken], found: Sequence[_Place | None], ends: set[Receipt]) -> int:
    """Return how many steps follow the last that a killed recording has, and were not recorded."""
    count, beyond = 0, False
    for step, place in zip(taken, found, strict=True):
        beyond = step.receipt in ends if place is not None else beyond
        count += place is None and beyond
    return count


def _not_taken(known: set[_Place], lives: Sequence[Life]) -> tuple[list[int], int]:
    """Return how many steps were lost with each kill, and how many are missing otherwise."""
    lost, missing = [], 0
    for number, life in enumerate(lives):
        places = [
            _Place(number, episode, step)
            for episode, steps in enumerate(life.episodes)
            for step in range(len(steps))
        ]
        newest = max((place for place in places if place in known), default=None)
        if life.killed and newest is not None:
            lost.append(sum(place > newest for place in places))
            places = [place for place in places if place < newest]
        missing += sum(place not in known for place in places)
    return lost, missing


def _altered(taken: Sequence[Taken], found: Sequence[_Place | None], lives: Sequence[Life]) -> int:
    """Return how many steps say something else than what was recorded."""
    count = 0
    following = [*(step.number for step in taken[1:]), 0]
    for step, place, after in zip(taken, found, following, strict=True):
        if place is None:
            continue
        seen = lives[place.life].episodes[place.episode][place.step]
        goes_on = after == step.number + 1  # else there is an episode's start between them
        same = (
            step.observation == seen.observation
            and step.action == seen.action
            and step.next_observation == seen.next_observation
            and step.reward == seen.reward
            and step.terminated == seen.terminated
            and step.tick == seen.receipt.tick
            # One whose end was lost with the actor is cut off there, and says so.
            and (step.terminated or step.truncated) == (seen.over or not goes_on)
        )
        count += not same
    return count


def _misnumbered(
    taken: Sequence[Taken], found: Sequence[_Place | None], lives: Sequence[Life], last: int
) -> int:
    """Return how often numbers do not follow each other: each episode's start has one, too.

    Of starts just before a kill nobody knows whether the spool has them: some may be left out.
    """
    begin = _Place(0, -1, 0)
    end = _Place(len(lives) - 1, len(lives[-1].episodes) - 1, 0)
    spots: list[tuple[int, _Place]] = [(0, begin)]
    spots += [
        (step.number, place) for step, place in zip(taken, found, strict=True) if place is not None
    ]
    spots.append((last + 1, end))
    unrecorded = [step.number for step, place in zip(taken, found, strict=True) if place is None]
    wrong = 0
    for (before, one), (after, other) in itertools.pairwise(spots):
        between = after - before - 1 - sum(before < number < after for number in unrecorded)
        most = _starts(lives, one, other)
        least = most if one.life == other.life else 1
        wrong += not least <= between <= most
    return wrong


def _starts(lives: Sequence[Life], one: _Place, other: _Place) -> int:
    """Return how many episodes begin after a step, up to that of another."""
    episodes = sum(len(life.episodes) for life in lives[one.life : other.life])
    return episodes + other.episode - one.episode


def _single(values: Sequence[float]) -> tuple[float, ...]:
    """Return numbers as float32 has them."""
    rounded: Any = np.asarray(values, np.float32).tolist()
    return tuple(rounded)
