"""A run: what an actor is to do by itself, and until when. Pure."""

from __future__ import annotations

import enum
from typing import Annotated, TypeAlias

from pydantic import Field

from ac_bridge_protocol.starts import Start
from ac_bridge_protocol.tasks.told import TaskSpec
from ac_bridge_protocol.wire import WireModel

RunName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""What a learner calls a run: letters, digits, dots, dashes, underscores; at most 64."""
PolicyVersion: TypeAlias = Annotated[int, Field(ge=1, lt=2**53)]
"""Rises."""
SEEDS = 2**32
"""A run's seeds are below it."""


class Swap(enum.StrEnum):
    """When a new policy takes over from the one before."""

    TICK = "tick"
    """With the next tick, in the middle of an episode."""
    EPISODE = "episode"
    """With the next episode; at once where none is running."""


class RunEnd(enum.StrEnum):
    """Why a run is over, or could not begin."""

    TOLD = "told"
    """The learner said so, or began another."""
    EPISODES = "episodes"
    """It has as many as its terms say."""
    TIME = "time"
    """It has taken as long as its terms say."""
    FAILURES = "failures"
    """Too many one after the other."""
    POLICY_FAILED = "policy_failed"
    """The policy did, and there is none before it."""
    TASK_FAILED = "task_failed"
    """Its task cannot be made, or cannot judge, in this game."""
    SPOOL_FULL = "spool_full"
    """There is no room for another record."""
    NOT_KEPT = "not_kept"
    """A record could not be kept for another reason: it is too large, for instance."""
    TAKEN_OVER = "taken_over"
    """An operator took the car."""
    EMERGENCY = "emergency"
    """The operator at the gaming PC stopped the car, and has not let go of it yet."""
    ACTOR_STOPPED = "actor_stopped"
    """The actor is being stopped."""
    TASK_REFUSED = "task_refused"
    """It could not begin: there is no such task, rule or constant."""
    BUSY = "busy"
    """It could not begin: somebody else has the car."""


class RunTerms(WireModel):
    """What an actor drives for, and when it stops by itself."""

    run: RunName
    """What the learner calls it. The name of the last one goes on with it, after a restart of the
    actor too: its episodes are counted on."""
    task: TaskSpec = TaskSpec()
    """What rewards a step and ends an episode."""
    seed: int | None = Field(default=None, ge=0, lt=SEEDS)
    """Of the episodes' seeds, where the game can repeat one; None leaves the draws to the game."""
    noise_seed: int = Field(default=0, ge=0, lt=SEEDS)
    """Of what is drawn for the policy."""
    starts: tuple[Start, ...] = Field(default=(), max_length=16, strict=False)
    """Where episodes begin, by turns; none leaves it to the game."""
    episodes: int | None = Field(default=None, ge=1, lt=2**53)
    """It stops after so many; None goes on."""
    seconds: float | None = Field(default=None, gt=0)
    """It stops after so long, in seconds of wall time since the run began; None goes on."""
    failures: int = Field(default=5, ge=1, le=1000)
    """It stops after so many failures one after the other: resets that did not take, episodes that
    the game or the policy ended before a first step."""
    frames: bool = False
    """Whether records have whole frames."""
