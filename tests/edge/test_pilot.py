"""A run without the learner: which action, which records, and when it is over."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest

from ac_bridge.edge.pilot import Attempt, Brought, Over, Pilot
from ac_bridge.edge.seat import Seat, Seated
from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import PolicyFailedError
from ac_bridge_protocol.experience import Array, EpisodeStart, Record, Transition, to_array
from ac_bridge_protocol.messages import EndReason
from ac_bridge_protocol.runs import RunEnd, RunTerms, Swap
from ac_bridge_protocol.starts import Start, StartAt
from ac_bridge_protocol.tasks import TaskSpec
from helpers.frames import make_frame, make_statics
from helpers.wire import make_receipt, make_spec

STATICS = make_statics()
FIRST = make_frame(normalized_position=0.1)
THREE_STEPS = TaskSpec.of("progress", rules={"step_limit": {"steps": 3.0}})


@dataclasses.dataclass
class Thought:
    """What the policy of these tests says."""

    action: Array
    extras: Mapping[str, Array]


class Echo:
    """Answers with the observation's first number; fails where that is above 1."""

    def __init__(self, noise_size: int = 0) -> None:
        self.noise_size = noise_size

    def act(self, observation: Array, noise: Array | None) -> Thought:
        """Choose."""
        if observation[0] > 1.0:
            raise PolicyFailedError("The action is not finite.")
        action = np.array([observation[0], 1.0, 0.0], np.float32)
        if noise is not None:
            action[2] = abs(noise[0]) % 1.0
        return Thought(action, {"log_prob": np.array([-0.5], np.float32)})


class Moody(Echo):
    """Takes too long, a number of times one after the other, when it is told to."""

    slow = 0

    def act(self, observation: Array, noise: Array | None) -> Thought:
        """Choose, perhaps."""
        if self.slow:
            self.slow -= 1
            raise PolicyFailedError("It took longer.", reason=PolicyRefusal.TOO_SLOW)
        return super().act(observation, noise)


class Drive:
    """A pilot, what it keeps, and a game that says what it is told."""

    def __init__(self, terms: RunTerms, *, policy: Echo | None = None, episodes: int = 0) -> None:
        self.kept: list[Record] = []
        self.seat = Seat()
        if policy is not None:
            self.seat.offer(Seated(1, policy), Swap.EPISODE)
        self.now_s = 100.0
        self.pilot = Pilot(terms, self.seat, make_spec(), self.kept.append, self.now_s, episodes)
        self.tick = 0

    def begin(self, seen: float = 0.0) -> Array | None:
        """Begin an episode."""
        attempt = self.pilot.next_attempt(self.now_s)
        assert attempt is not None
        self.tick = 0
        return self.pilot.begun(attempt, STATICS, (seen, 0.0), FIRST)

    def move(self, seen: float = 0.0, end: EndReason | None = None) -> Array | None:
        """Let a tick come."""
        self.tick += 1
        frame = make_frame(normalized_position=0.1 + 0.001 * self.tick)
        brought = Brought((seen, 0.0), frame, make_receipt(tick=self.tick), end)
        return self.pilot.moved(brought, self.now_s)

    @property
    def over(self) -> Over:
        """Why the run is over."""
        assert self.pilot.over is not None
        return self.pilot.over

    @property
    def last(self) -> Transition:
        """The newest record."""
        newest = self.kept[-1]
        assert isinstance(newest, Transition)
        return newest


def terms(**more: object) -> RunTerms:
    """Return a run of three steps an episode."""
    return RunTerms.model_validate({"run": "r", "task": THREE_STEPS} | more)


def test_an_episode_is_kept_step_by_step() -> None:
    """Each action follows from the observation before, and is kept with what came of it."""
    drive = Drive(terms(), policy=Echo())
    first = drive.begin(seen=0.25)
    assert first is not None
    assert first.tolist() == [0.25, 1.0, 0.0]
    assert drive.move(seen=0.5) is not None
    assert drive.move(seen=0.75) is not None
    assert drive.move() is None
    start, *steps = drive.kept
    assert isinstance(start, EpisodeStart)
    assert (start.run, start.episode, start.frame) == ("r", 1, None)
    assert all(isinstance(step, Transition) for step in steps)
    chosen = [to_array(step.action)[0] for step in steps if isinstance(step, Transition)]
    assert chosen == [0.25, 0.5, 0.75]
    last = drive.last
    assert (last.tick, last.policy, last.end_reason) == (3, 1, "step_limit")
    assert (last.terminated, last.truncated) == (False, True)
    assert last.reward == pytest.approx(last.terms["progress_m"])
    assert to_array(last.extras["log_prob"]).tolist() == [-0.5]
    assert not drive.pilot.over


def test_frames_are_kept_if_asked_for() -> None:
    """With the start and every step."""
    drive = Drive(terms(frames=True), policy=Echo())
    drive.begin()
    drive.move()
    assert [record.frame is not None for record in drive.kept] == [True, True]


def test_without_a_policy_nothing_begins() -> None:
    """And it counts as no attempt."""
    drive = Drive(terms())
    assert drive.pilot.next_attempt(0.0) is None
    assert (drive.pilot.episodes, drive.pilot.over) == (0, None)


@pytest.mark.parametrize("when", Swap)
def test_a_new_policy_takes_over_when_it_may(when: Swap) -> None:
    """With the next tick, or not before the next episode."""
    drive = Drive(terms(), policy=Echo())
    drive.begin()
    drive.seat.offer(Seated(2, Echo()), when)
    drive.move()
    assert drive.last.policy == 1  # its action had been chosen already
    drive.move()
    assert drive.last.policy == (2 if when is Swap.TICK else 1)
    drive.move()
    drive.begin()
    drive.move()
    assert drive.last.policy == 2


def test_a_policy_that_fails_gives_way_to_the_one_before() -> None:
    """The episode ends there; the step that led there is kept."""
    drive = Drive(terms(), policy=Echo())
    drive.begin()
    drive.seat.offer(Seated(2, Echo()), Swap.TICK)
    drive.move()
    assert drive.move(seen=2.0) is None
    assert (drive.last.end_reason, drive.last.truncated) == ("policy_failed", True)
    assert not drive.pilot.over
    drive.begin()
    drive.move()
    assert drive.last.policy == 1


def test_an_action_out_of_range_is_a_failure() -> None:
    """Never clipped in silence."""
    drive = Drive(terms(), policy=Echo())
    drive.begin()
    assert drive.move(seen=-1.5) is None
    assert drive.over.end is RunEnd.POLICY_FAILED
    assert "steer" in drive.over.why


def test_the_only_policy_fails() -> None:
    """Then the run is over, and says why; also if it never chose an action."""
    drive = Drive(terms(), policy=Echo())
    assert drive.begin(seen=2.0) is None
    assert drive.over.end is RunEnd.POLICY_FAILED
    assert "failed: The action is not finite." in drive.over.why
    assert drive.pilot.next_attempt(drive.now_s) is None


def test_it_stops_after_its_episodes() -> None:
    """Counting those that could not be begun."""
    drive = Drive(terms(episodes=2), policy=Echo())
    drive.begin()
    assert drive.pilot.next_attempt(drive.now_s) is not None
    drive.pilot.not_begun("The game did not restart.")
    assert drive.pilot.next_attempt(drive.now_s) is None
    assert drive.over == (RunEnd.EPISODES, "All 2 episodes of the run are done.")


def test_it_stops_when_its_time_is_over() -> None:
    """In the middle of an episode, whose last step is kept as such."""
    drive = Drive(terms(seconds=10.0), policy=Echo())
    drive.begin()
    drive.now_s += 9.9
    assert drive.move() is not None
    drive.now_s += 0.1
    assert drive.move() is None
    assert (drive.last.end_reason, drive.last.truncated) == ("run_over", True)
    assert drive.over == (RunEnd.TIME, "The 10 s of the run are over.")


def test_it_stops_after_failures_one_after_the_other() -> None:
    """A step that went well in between begins the count anew."""
    drive = Drive(terms(failures=3), policy=Echo())
    for _ in range(2):
        assert drive.pilot.next_attempt(drive.now_s) is not None
        drive.pilot.not_begun("The game did not restart.")
    drive.begin()
    drive.move()
    drive.move(end=EndReason.GAME_PAUSED)
    for _ in range(2):
        drive.begin()
        drive.move(end=EndReason.GAME_LOST)
    assert not drive.pilot.over
    drive.begin()
    drive.move(end=EndReason.GAME_LOST)
    assert drive.over.end is RunEnd.FAILURES
    assert drive.over.why.startswith("3 failures one after the other")
    assert "game_lost" in drive.over.why


def test_draws_follow_from_seed_and_episode() -> None:
    """So that a run that goes on after a restart draws what it would have drawn."""

    def drawn(episodes: int) -> tuple[Attempt | None, bytes]:
        drive = Drive(terms(seed=3, noise_seed=4), policy=Echo(noise_size=2), episodes=episodes)
        for _ in range(5 - episodes):
            attempt = drive.pilot.next_attempt(drive.now_s)
            assert attempt is not None
            drive.pilot.begun(attempt, STATICS, (0.0, 0.0), FIRST)
            drive.tick = 0
            drive.move()
        return attempt, drive.last.noise

    assert drawn(0) == drawn(3)
    assert len(drawn(0)[1]) == 8
    assert drawn(0)[0] != drawn(4)[0] or drawn(0) == drawn(4)


def test_starts_come_by_turns() -> None:
    """From the line, at random, and from the line again."""
    starts = (Start(at=StartAt.LINE), Start(at=StartAt.RANDOM))
    drive = Drive(terms(starts=starts), policy=Echo())
    seen = [drive.pilot.next_attempt(0.0) for _ in range(3)]
    assert [one.start for one in seen if one] == [starts[0], starts[1], starts[0]]


def test_it_is_told_to_stop() -> None:
    """The first reason counts."""
    drive = Drive(terms(), policy=Echo())
    drive.begin()
    drive.pilot.stop(RunEnd.TOLD, "The learner said so.")
    drive.pilot.stop(RunEnd.TOLD, "Another.")
    assert drive.move() is None
    assert drive.over == (RunEnd.TOLD, "The learner said so.")


def test_a_run_that_took_too_long_is_tried_once_more() -> None:
    """The machine may have been busy; a policy that is too slow is so twice."""
    moody = Moody(noise_size=1)
    drive = Drive(RunTerms(run="a"), policy=moody)
    drive.begin()
    moody.slow = 1
    assert drive.move() is not None
    moody.slow = 2
    assert drive.move() is None
    assert drive.last.end_reason == "policy_failed"
    assert "It took longer" in drive.over.why
