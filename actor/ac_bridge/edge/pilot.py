"""A run driven without the learner: the next action, the records, and when to stop. Pure.

Whoever owns the rig resets it when the pilot wants to, hands on what each tick brought, and applies
the action that comes back.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ac_bridge.edge.seat import Seat, Seated
from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import ActionError, PolicyFailedError
from ac_bridge_protocol.experience import Array, EpisodeStart, Record, Transition, to_bytes
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.messages import EndReason, Receipt
from ac_bridge_protocol.runs import RunEnd, RunTerms
from ac_bridge_protocol.spec import EnvSpec
from ac_bridge_protocol.starts import Start
from ac_bridge_protocol.tasks import Task, judge

POLICY_FAILED = "policy_failed"
"""Why an episode is over whose policy failed."""
SEEDS = 2**31


class Over(NamedTuple):
    """Why a run has stopped.

    Attributes:
        end: in a word.
        why: in a sentence.
    """

    end: RunEnd
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """An episode to be begun."""

    episode: int
    seed: int | None
    start: Start | None


@dataclasses.dataclass(frozen=True, slots=True)
class Brought:
    """What a tick brought: the rig's part of a transition."""

    observation: tuple[float, ...]
    frame: TelemetryFrame
    receipt: Receipt
    end: EndReason | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Chosen:
    """An action with all that led to it."""

    version: int
    action: Array
    noise: Array | None
    extras: dict[str, bytes]


class Pilot:
    """Drives one run.

    Args:
        terms: what for, and until when.
        seat: who acts.
        spec: what an action has to be.
        keep: gets every record, in order.
        now_s: on any clock that goes on.
        episodes: begun in this run so far, when it goes on after a restart.

    Attributes:
        terms: what for, and until when.
        episodes: begun so far.
        tick: of the newest observation in its episode.
        over: why the run has stopped; None while it goes on.
    """

    def __init__(
        self,
        terms: RunTerms,
        seat: Seat,
        spec: EnvSpec,
        keep: Callable[[Record], None],
        now_s: float,
        episodes: int = 0,
    ) -> None:
        self.terms = terms
        self._spec = spec
        self.episodes = episodes
        self.tick = 0
        self.over: Over | None = None
        self._seat = seat
        self._keep = keep
        self._until_s = math.inf if terms.seconds is None else now_s + terms.seconds
        self._failures = 0
        # Each episode's draws follow from its number, so that a run goes on as it would have.
        self._noise = np.random.default_rng(0)
        self._task: Task | None = None
        self._previous: TelemetryFrame | None = None
        self._chosen: Chosen | None = None
        self._steps = 0

    # --- Episodes ---------------------------------------------------------------------------------

    def next_attempt(self, now_s: float) -> Attempt | None:
        """Return the episode to begin now; None if the run is over, or no policy is there yet."""
        terms = self.terms
        if terms.episodes is not None and self.episodes >= terms.episodes:
            self.stop(RunEnd.EPISODES, f"All {terms.episodes} episodes of the run are done.")
        self._check_time(now_s)
        if self.over:
            return None
        self._seat.at_episode()
        if self._seat.active is None:
            return None
        self.episodes += 1
        seed = None
        if terms.seed is not None:
            seed = int(np.random.default_rng((terms.seed, self.episodes)).integers(SEEDS))
        starts = terms.starts
        start = starts[(self.episodes - 1) % len(starts)] if starts else None
        return Attempt(self.episodes, seed, start)

    def not_begun(self, why: str) -> None:
        """The episode could not be begun."""
        self._failed(why)

    def begun(
        self,
        attempt: Attempt,
        statics: GameStatics,
        observation: tuple[float, ...],
        frame: TelemetryFrame,
    ) -> Array | None:
        """Return the first action of an episode; None if the policy failed.

        Raises:
            SettingError: the run's task cannot be made in this game.
        """
        self._task = self.terms.task.make(statics)
        self._task.reset(frame)
        self._previous, self._steps, self.tick = frame, 0, 0
        self._noise = np.random.default_rng((self.terms.noise_seed, attempt.episode))
        self._keep(
            EpisodeStart(
                run=self.terms.run,
                episode=attempt.episode,
                seed=attempt.seed,
                statics=statics,
                observation=to_bytes(observation),
                frame=frame if self.terms.frames else None,
            )
        )
        self._choose(observation)
        return None if self._chosen is None else self._chosen.action

    # --- Steps ------------------------------------------------------------------------------------

    def moved(self, brought: Brought, now_s: float) -> Array | None:
        """Take what a tick brought, and return the next action; None ends the episode.

        Raises:
            SettingError, GameError: the task cannot judge it.
        """
        assert self._task is not None  # noqa: S101 -- begun has set them
        assert self._previous is not None  # noqa: S101
        assert self._chosen is not None  # noqa: S101
        chosen, previous = self._chosen, self._previous
        judged = judge(self._task, previous, tuple(chosen.action.tolist()), brought.frame)
        self._steps += 1
        self.tick = brought.receipt.tick
        reason = str(judged.info.get("end_reason", "")) or (brought.end or "")
        goes_on = not (judged.terminated or judged.truncated or brought.end)
        if goes_on:
            self._seat.at_tick()
            self._choose(brought.observation)
            self._check_time(now_s)
            if self._chosen is None:
                reason = POLICY_FAILED
            elif self.over:
                reason = "run_over"
            goes_on = not reason
        self._keep(
            Transition(
                run=self.terms.run,
                episode=self.episodes,
                tick=brought.receipt.tick,
                policy=chosen.version,
                noise=b"" if chosen.noise is None else to_bytes(chosen.noise),
                action=to_bytes(chosen.action),
                extras=chosen.extras,
                receipt=brought.receipt,
                reward=float(judged.reward),
                terms=_numbers(judged.info),
                terminated=judged.terminated,
                truncated=not goes_on and not judged.terminated,
                end_reason=reason,
                observation=to_bytes(brought.observation),
                frame=brought.frame if self.terms.frames else None,
            )
        )
        self._previous = brought.frame
        if brought.end and self._steps == 1:
            self._failed(f"The game ended the episode at once: {brought.end.value}.")
        elif reason != POLICY_FAILED:
            self._failures = 0
        return self._chosen.action if goes_on and self._chosen is not None else None

    def stop(self, end: RunEnd, why: str) -> None:
        """End the run; the first reason is the one that counts."""
        self.over = self.over or Over(end, why)

    # --- Inside -----------------------------------------------------------------------------------

    def _choose(self, observation: tuple[float, ...]) -> None:
        """Let the policy choose; one that fails gives way to the one before it."""
        seated = self._seat.active
        self._chosen = None
        if seated is None:
            return
        try:
            self._chosen = self._thought(seated, observation)
        except PolicyFailedError as error:
            why = f"Policy {seated.version} failed: {error.message}"
            if self._seat.roll_back(why) is None:
                self.stop(RunEnd.POLICY_FAILED, why)
            self._failed(why)

    def _thought(self, seated: Seated, observation: tuple[float, ...]) -> Chosen:
        policy = seated.policy
        noise = None
        if policy.noise_size:
            noise = self._noise.standard_normal(policy.noise_size, np.float32)
        seen = np.asarray(observation, np.float32)
        try:
            thought = policy.act(seen, noise)
        except PolicyFailedError as error:
            if error.reason != PolicyRefusal.TOO_SLOW:
                raise
            thought = policy.act(seen, noise)  # a machine has its moods: one more chance
        try:
            self._spec.check_action(thought.action.tolist())
        except ActionError as error:
            raise PolicyFailedError(error.message, reason="not_finite") from error
        extras = {name: to_bytes(values) for name, values in thought.extras.items()}
        return Chosen(seated.version, thought.action, noise, extras)

    def _failed(self, why: str) -> None:
        self._failures += 1
        if self._failures >= self.terms.failures:
            self.stop(
                RunEnd.FAILURES, f"{self._failures} failures one after the other; the last: {why}"
            )

    def _check_time(self, now_s: float) -> None:
        if now_s >= self._until_s:
            self.stop(RunEnd.TIME, f"The {self.terms.seconds:g} s of the run are over.")


def _numbers(info: dict[str, object]) -> dict[str, float]:
    """Return what of a task's info are numbers."""
    return {
        name: float(value)
        for name, value in info.items()
        if isinstance(value, int | float | np.number) and math.isfinite(value)
    }
