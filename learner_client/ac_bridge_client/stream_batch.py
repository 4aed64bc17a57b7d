"""Steps as arrays: what a stream hands out. Pure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ac_bridge_client.stream_intake import Step
from ac_bridge_protocol.experience import FLOAT, Array
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import Receipt

Bools: TypeAlias = npt.NDArray[np.bool_]
Numbers: TypeAlias = npt.NDArray[np.int64]
Labelled: TypeAlias = tuple[int, Step]
"""A step, and the index of its actor."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Steps, an element of each array for each; those of one actor in the order it made them."""

    observation: Array
    """Before each step, float32[n, elements]."""
    action: Array
    """As the policy chose it, float32[n, components]; what the wheel was sent is in the receipt."""
    reward: Array
    """Of the run's task, float32[n]."""
    next_observation: Array
    """After each step, float32[n, elements]."""
    terminated: Bools
    """Whether the task ended the episode, bool[n]."""
    truncated: Bools
    """Whether it ended for another reason, bool[n]; no more of it has come then, or will."""
    policy: Numbers
    """Version of the policy that chose, int64[n]."""
    run: tuple[str, ...]
    """Name of the run, for each step."""
    episode: Numbers
    """Its number in the run, int64[n]."""
    tick: Numbers
    """That ended the step, counted in its episode, int64[n]."""
    actor: Numbers
    """Index of the actor's address, int64[n]."""
    number: Numbers
    """Of the step's record in the actor's spool, int64[n]."""
    receipts: tuple[Receipt, ...]
    """What became of each action."""
    noise: Array
    """That the policy was given, float32[n, elements]; none if it takes none."""
    extras: dict[str, Array]
    """What the policy said beside the action, float32[n, elements] by name."""
    terms: dict[str, Array]
    """What the task told beside the reward, float32[n] by name; NaN in a step that had none."""
    end_reasons: tuple[str, ...]
    """Why the episode ended with a step; empty while it goes on."""
    frames: tuple[TelemetryFrame, ...] | None
    """After each step, if the run asked for frames."""
    done: Callable[[], None] = dataclasses.field(repr=False)
    """Call it to have this and all that was handed out before for good."""

    def __len__(self) -> int:
        return len(self.reward)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Episode(Batch):
    """The steps of one episode."""

    complete: bool
    """Whether all of it is here, from its start to an end of its own. The last step of one whose
    end is missing is truncated."""


def shape_of(step: Step) -> Hashable:
    """Return what must be alike for steps to be in one batch."""
    made = step.transition
    extras = tuple(sorted((name, len(data)) for name, data in made.extras.items()))
    framed = made.frame is not None
    return len(step.observation), len(made.action), len(made.noise), extras, framed


def batch_of(steps: Sequence[Labelled], done: Callable[[], None]) -> Batch:
    """Return steps of one shape, at least one, as arrays."""
    return Batch(**_columns(steps), done=done)


def episode_of(steps: Sequence[Labelled], done: Callable[[], None]) -> Episode:
    """Return the steps of one episode, at least one, as arrays."""
    complete = steps[0][1].first and not steps[-1][1].cut
    return Episode(**_columns(steps), done=done, complete=complete)


def _columns(labelled: Sequence[Labelled]) -> dict[str, Any]:
    steps = [step for _, step in labelled]
    made = [step.transition for step in steps]
    frames = tuple(one.frame for one in made if one.frame is not None)
    return {
        "observation": np.stack([step.observation for step in steps]),
        "action": _rows(one.action for one in made),
        "reward": np.array([one.reward for one in made], np.float32),
        "next_observation": np.stack([step.next_observation for step in steps]),
        "terminated": np.array([one.terminated for one in made], np.bool_),
        "truncated": np.array([step.truncated for step in steps], np.bool_),
        "policy": _numbers(one.policy for one in made),
        "run": tuple(one.run for one in made),
        "episode": _numbers(one.episode for one in made),
        "tick": _numbers(one.tick for one in made),
        "actor": _numbers(actor for actor, _ in labelled),
        "number": _numbers(step.number for step in steps),
        "receipts": tuple(one.receipt for one in made),
        "noise": _rows(one.noise for one in made),
        "extras": {name: _rows(one.extras[name] for one in made) for name in made[0].extras},
        "terms": {
            name: np.array([one.terms.get(name, math.nan) for one in made], np.float32)
            for name in dict.fromkeys(name for one in made for name in one.terms)
        },
        "end_reasons": tuple(one.end_reason for one in made),
        "frames": frames if len(frames) == len(made) else None,
    }


def _rows(data: Iterable[bytes]) -> Array:
    """Return equally long rows of little-endian float32 as an array."""
    rows = list(data)
    joined = np.frombuffer(b"".join(rows), FLOAT).astype(np.float32)
    return joined.reshape(len(rows), len(rows[0]) // FLOAT.itemsize)


def _numbers(values: Iterable[int]) -> Numbers:
    return np.fromiter(values, np.int64)
