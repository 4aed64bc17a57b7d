"""Recordings as steps: what a learner drove, or a human, with rewards from any task.

What a learner drove is in the recording as episodes of steps. Where there are none, somebody else
drove, and there is the telemetry alone: then each lap is an episode, the frames are its ticks, and
its actions are what the game took from the wheel. A lap's episode also ends where the session was
restarted or paused, where the car was put elsewhere, and where frames are missing; and it begins
when the car moves, however long it stood on the grid or in its box.

An episode ends where its task ends it; what was recorded of it after that is left out, and counted.
The last step of every episode is terminated or truncated, also where the recording just ends.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ac_bridge.data.asked import AskedActions
from ac_bridge.data.laps import Cut, Cutter
from ac_bridge.data.observing import Observing
from ac_bridge.game import Controls
from ac_bridge.telemetry.observation import profile_named
from ac_bridge_protocol.errors import RecordingError, SettingError
from ac_bridge_protocol.frame import GameState, GameStatics, TelemetryFrame
from ac_bridge_protocol.limits import DELAY_TICKS
from ac_bridge_protocol.messages import EndReason, Receipt
from ac_bridge_protocol.spec import DRIVING_ACTION, ActionSpec, EnvSpec, FeatureSpec
from ac_bridge_protocol.tasks import MakeTask, Task, judge, task_for
from ac_bridge_recording import Recording, plain
from ac_bridge_recording.topics import MODELS, EpisodeEnd, EpisodeStart, StepRecord, Topic

Action = tuple[float, ...]

LOOK_AT_FRAMES = 200
"""Enough of them to tell the rate at which they were recorded."""

MOVES_KMH = 1.0
"""A car below this stands."""

EARLY_SHARE = 0.25
"""A frame may come so much of a period before its moment, and still is the one for it."""


class Source(enum.StrEnum):
    """Where the steps of a recording are taken from."""

    AUTO = "auto"
    """The steps that a learner drove if there are any, else telemetry."""
    STEPS = "steps"
    TELEMETRY = "telemetry"


class Head(NamedTuple):
    """What is known when an episode begins, at its tick 0."""

    recording: str
    """Name of the file."""
    recorded_episode: int
    """Its number in the recording: the actor's, or of the lap in the telemetry, from 1."""
    source: Source
    about: Mapping[str, str]
    """Who recorded it."""
    seed: int | None
    statics: GameStatics
    spec: EnvSpec | None
    """How it was stepped; None for telemetry."""
    profile: str
    """Name of the observation profile."""
    features: tuple[FeatureSpec, ...]
    components: tuple[ActionSpec, ...]
    observation: tuple[float, ...]
    frame: TelemetryFrame

    @property
    def game(self) -> str:
        """The backend, such as ``standin``: no record confuses simulation with the game."""
        return self.about.get("game", "") if self.spec is None else self.spec.game

    @property
    def delay_ticks(self) -> int:
        """The k of mode `fixed_delay`, else 0."""
        return 0 if self.spec is None else self.spec.delay_ticks


class Row(NamedTuple):
    """One step."""

    step: int
    """From 1."""
    tick: int
    """Control ticks since the episode's start."""
    action: Action
    """The one that the step answers: in mode `fixed_delay` chosen k steps before."""
    observation: tuple[float, ...]
    """What it brought, without the actions under way."""
    frame: TelemetryFrame
    reward: float
    terminated: bool
    truncated: bool
    end_reason: str
    """Empty while the episode goes on."""
    receipt: Receipt | None
    """None for telemetry."""


class Sink(Protocol):
    """Takes episodes, one after the other."""

    def begin(self, head: Head) -> None:
        """Take the beginning of an episode."""

    def step(self, row: Row) -> None:
        """Take its next step."""

    def end(self, under_way: Sequence[Action]) -> None:
        """Take the end of the episode.

        Args:
            under_way: the k actions of mode `fixed_delay` that were not answered for; as many as
                are known.
        """


@dataclasses.dataclass(frozen=True, slots=True)
class StepOptions:
    """How to make steps of a recording."""

    make_task: MakeTask
    observation: str | None = None
    """Name of a profile; None for the recorded one, and for telemetry ``bridge15``."""
    game_dir: Path | None = None
    """The game's folder, for a profile that needs the track's files; None looks for it."""
    hz: float | None = None
    """Steps a second from telemetry; None for as many as there are frames."""
    source: Source = Source.AUTO


class StepCounts(NamedTuple):
    """What was found in a recording."""

    source: Source
    left_out: int
    """Steps after their task had ended the episode."""


def read_steps(
    recording: Recording,
    options: StepOptions,
    sink: Sink,
    on_record: Callable[[], None] = lambda: None,
) -> StepCounts:
    """Hand the steps of a recording to a sink.

    Args:
        recording: whatever it holds.
        options: how to make steps of it.
        sink: takes them.
        on_record: called for every record that was read.

    Raises:
        RecordingError: there are no steps to be made of it, or it is damaged.
        SettingError: there is no such profile, or a rate was asked for that steps do not have.
    """
    source, driven, delayed = options.source, False, False
    for entry in recording.entries(Topic.EPISODE_START):
        driven = True
        start = plain.restore(EpisodeStart, entry.plain)
        delayed = delayed or start.spec.delay_ticks > 0
    if source is Source.AUTO:
        source = Source.STEPS if driven else Source.TELEMETRY
    judging = _Judging(options.make_task, sink)
    if source is Source.TELEMETRY:
        _Laps(recording, options, judging).read(on_record)
    elif driven and options.hz is not None:
        raise SettingError(
            f"The steps of {recording.path} have the rate at which they were driven.",
            setting="hz",
            hint="Leave it out, or take laps from the telemetry: --from telemetry.",
        )
    elif driven:
        _Driven(recording, options, judging).read(on_record, with_wire=delayed)
    else:
        raise RecordingError(
            f"{recording.path} has no steps: nobody drove by them.",
            hint="Take them from its telemetry instead: --from telemetry.",
        )
    return StepCounts(source, judging.left_out)


class _Made(NamedTuple):
    """A step before anybody judged it."""

    tick: int
    action: Action
    observation: tuple[float, ...]
    frame: TelemetryFrame
    receipt: Receipt | None
    end: EndReason | None


class _Judging:
    """Rewards the steps of each episode, sees to its end, and hands all of it on."""

    def __init__(self, make_task: MakeTask, sink: Sink) -> None:
        self.left_out = 0
        self._make_task = make_task
        self._sink = sink
        self._task: Task | None = None
        self._statics: GameStatics | None = None
        self._previous: TelemetryFrame | None = None
        self._head: Head | None = None
        self._waiting: Row | None = None
        self._over = False
        self._steps = 0
        self._after: list[Action] = []

    def begin(self, head: Head) -> None:
        """Begin an episode, once a step of it comes."""
        if self._task is None or head.statics != self._statics:
            self._task, self._statics = task_for(self._make_task, head.statics), head.statics
        self._task.reset(head.frame)
        self._head, self._previous = head, head.frame
        self._over, self._steps = False, 0
        self._after.clear()

    def step(self, made: _Made) -> None:
        """Judge a step, and hand on the one before."""
        if self._over:
            self.left_out += 1
            if len(self._after) < DELAY_TICKS:
                self._after.append(made.action)
            return
        assert self._task is not None  # noqa: S101 -- begin has set them
        assert self._previous is not None  # noqa: S101
        judged = judge(self._task, self._previous, made.action, made.frame)
        self._previous = made.frame
        self._steps += 1
        truncated = judged.truncated or made.end is not None
        reason = ""
        if made.end is not None and not judged.terminated:
            reason = made.end.value
        elif judged.terminated or truncated:
            reason = str(judged.info["end_reason"])
        self._hand_on()
        self._waiting = Row(
            self._steps,
            made.tick,
            made.action,
            made.observation,
            made.frame,
            float(judged.reward),
            bool(judged.terminated),
            bool(truncated),
            reason,
            made.receipt,
        )
        self._over = judged.terminated or truncated

    def end(self, reason: str, under_way: Sequence[Action] = ()) -> None:
        """End the episode, if one goes on; it was cut short unless its last step says otherwise.

        Args:
            reason: why, if nothing else ended it.
            under_way: the actions that were asked for and not answered, oldest first.
        """
        if self._waiting is not None:
            if not self._over:
                self._waiting = self._waiting._replace(truncated=True, end_reason=str(reason))
            self._hand_on()
            self._sink.end((*self._after, *under_way))
            self._waiting = None

    def _hand_on(self) -> None:
        if self._waiting is None:
            return
        if self._waiting.step == 1:
            assert self._head is not None  # noqa: S101 -- it has a step
            self._sink.begin(self._head)
        self._sink.step(self._waiting)
        self._waiting = None


def _observing(profile: str, options: StepOptions) -> Observing:
    return Observing(profile_named(profile), options.game_dir)


class _Driven:
    """Steps that a learner drove."""

    def __init__(self, recording: Recording, options: StepOptions, judging: _Judging) -> None:
        self._recording = recording
        self._name = recording.path.name
        self._anew = (
            None if options.observation is None else _observing(options.observation, options)
        )
        self._judging = judging
        self._asked = AskedActions()
        self._start: EpisodeStart | None = None
        self._last: tuple[int, Action] | None = None
        self._observing: Observing | None = None
        self._tick = 0
        self._reason = ""

    def read(self, on_record: Callable[[], None], *, with_wire: bool) -> None:
        topics = [Topic.EPISODE_START, Topic.STEP, Topic.EPISODE_END]
        for entry in self._recording.entries(*topics, *[Topic.WIRE] * with_wire):
            if entry.topic is Topic.WIRE:
                self._asked.see(entry.plain)
                continue
            on_record()
            record = plain.restore(MODELS[entry.topic], entry.plain)
            if isinstance(record, EpisodeStart):
                self._end(self._reason or Cut.GAP)
                self._asked.begin()
                self._begin(record, record.observation, record.frame)
            elif not isinstance(record, StepRecord | EpisodeEnd):
                continue  # there is no other
            elif self._start is None or record.episode != self._start.episode:
                continue  # its beginning was dropped
            elif isinstance(record, StepRecord):
                self._step(record, self._start)
            else:
                self._reason = record.reason  # what was under way may still follow on the wire
        self._end(self._reason or Cut.END)

    def _begin(
        self, start: EpisodeStart, observation: tuple[float, ...], frame: TelemetryFrame
    ) -> None:
        spec, anew = start.spec, self._anew
        if anew is None or anew.plan.features == spec.observation:
            anew = None
            self._require("observation", len(observation), _size(start))
        else:
            frame, observation = anew.begin(frame, start.statics)
        head = Head(
            recording=self._name,
            recorded_episode=start.episode,
            source=Source.STEPS,
            about=self._recording.about,
            seed=start.seed,
            statics=start.statics,
            spec=spec,
            profile=spec.observation_profile if anew is None else anew.plan.name,
            features=spec.observation if anew is None else anew.plan.features,
            components=spec.action,
            observation=observation,
            frame=frame,
        )
        self._start, self._last, self._reason = start, None, ""
        self._observing, self._tick = anew, 0
        self._judging.begin(head)

    def _step(self, record: StepRecord, start: EpisodeStart) -> None:
        number = record.receipt.action_id
        if number != (0 if self._last is None else self._last[0] + 1):
            # Steps between the two were not recorded: what follows is an episode of its own.
            self._end(Cut.GAP)
            self._begin(start, record.observation, record.frame)
            self._last, self._tick = (number, record.action), record.receipt.tick
            return
        action = record.action[: len(start.spec.action)]  # a local driver's may have the clutch
        self._require("action", len(action), len(start.spec.action))
        self._last = number, action
        frame, observation, receipt = record.frame, record.observation, record.receipt
        if self._observing is not None:
            missed = max(receipt.tick - self._tick - 1, 0)
            sent = Controls(**receipt.sent.__dict__)
            frame, observation = self._observing.see(frame, sent, missed)
        else:
            self._require("observation", len(observation), _size(start))
        self._tick = receipt.tick
        self._judging.step(_Made(receipt.tick, action, observation, frame, receipt, record.end))

    def _require(self, what: str, size: int, specified: int) -> None:
        """Check that something recorded is as long as its spec says.

        Raises:
            RecordingError: it is not.
        """
        if size != specified:
            raise RecordingError(
                f"An {what} of {self._name} has {size} numbers, and its spec names {specified}.",
                hint="It was not written by ac-bridge.",
            )

    def _end(self, reason: str) -> None:
        under_way: Sequence[Action] = ()
        if self._start is not None and self._last is not None and self._start.spec.delay_ticks:
            under_way = self._asked.after(*self._last, self._start.spec.delay_ticks)
        self._judging.end(reason, under_way)


def _size(start: EpisodeStart) -> int:
    """Return how long the observations of an episode are."""
    return sum(feature.size for feature in start.spec.observation)


class _Laps:
    """Steps from telemetry, whoever drove."""

    def __init__(self, recording: Recording, options: StepOptions, judging: _Judging) -> None:
        self._recording = recording
        self._judging = judging
        self._observing = _observing(options.observation or "bridge15", options)
        self._dt_s = 1.0 / (options.hz or _rate(recording))
        self._thin = options.hz is not None
        self._statics: GameStatics | None = None
        self._laps = 0
        self._last: TelemetryFrame | None = None
        self._due_s = float("-inf")
        self._ticks = 0

    def read(self, on_record: Callable[[], None]) -> None:
        """Cut the telemetry, thin it, and make steps of what is left."""
        self._statics = _first_statics(self._recording)
        cutter, line = Cutter(), False
        for entry in self._recording.entries(Topic.TELEMETRY, Topic.STATICS):
            on_record()
            if entry.topic is Topic.STATICS:
                self._statics = plain.restore(GameStatics, entry.plain)
                continue
            cut = _see(cutter, entry.plain)
            if cut is Cut.LINE:
                line = True
            elif cut is not None:
                self._end(cut)
                line = False
            if entry.plain["state"] != GameState.LIVE or not self._is_due(entry.plain):
                continue
            frame = plain.restore(TelemetryFrame, entry.plain)
            if self._last is None:
                self._begin(frame)
                continue
            frame = self._step(self._last, frame)
            if line:  # this frame is the last of one lap and the first of the next
                self._end(Cut.LINE)
                self._begin(frame)
                line = False
        self._end(Cut.END)

    def _is_due(self, frame: Mapping[str, Any]) -> bool:
        """Whether a frame is to be one of the steps'."""
        now_s: float = frame["t_wall"]
        if self._last is None:
            self._due_s = now_s + self._dt_s
            return bool(frame["speed_kmh"] >= MOVES_KMH)
        if not self._thin:
            return True
        if now_s < self._due_s - EARLY_SHARE * self._dt_s:
            return False
        self._due_s = max(self._due_s, now_s - self._dt_s) + self._dt_s
        return True

    def _begin(self, frame: TelemetryFrame) -> None:
        assert self._statics is not None  # noqa: S101 -- read has set them
        frame = frame.model_copy(update={"dt": self._dt_s, "dt_actual": 0.0})
        self._last = frame
        self._laps += 1
        frame, observation = self._observing.begin(frame, self._statics)
        plan = self._observing.plan
        self._judging.begin(
            Head(
                recording=self._recording.path.name,
                recorded_episode=self._laps,
                source=Source.TELEMETRY,
                about=self._recording.about,
                seed=None,
                statics=self._statics,
                spec=None,
                profile=plan.name,
                features=plan.features,
                components=DRIVING_ACTION,
                observation=observation,
                frame=frame,
            )
        )
        self._ticks = 0

    def _step(self, before: TelemetryFrame, frame: TelemetryFrame) -> TelemetryFrame:
        since_s = frame.t_wall - before.t_wall
        frame = frame.model_copy(update={"dt": self._dt_s, "dt_actual": since_s})
        self._last = frame
        self._ticks += 1
        action = driven_action(frame)
        sent = Controls(steer=action[0], throttle=action[1], brake=action[2])
        placed, observation = self._observing.see(frame, sent)
        self._judging.step(_Made(self._ticks, action, observation, placed, None, None))
        return frame

    def _end(self, cut: Cut) -> None:
        self._judging.end(cut)
        self._last = None


def driven_action(frame: TelemetryFrame) -> Action:
    """Return the controls that the game had taken by a frame, as an action.

    They are what held in the period that the frame ends. The steering is the share of the car's
    lock, + right, as in an action; the throttle has the game's own blips and shift cuts in it; the
    brake is what the game's gamma made of the pedal (its default is 2.4, and 1 is linear).
    """
    steer = min(max(frame.steer_angle, -1.0), 1.0)
    return steer, min(max(frame.throttle, 0.0), 1.0), min(max(frame.brake, 0.0), 1.0)


def _see(cutter: Cutter, frame: Mapping[str, Any]) -> Cut | None:
    try:
        return cutter.see(frame)
    except (KeyError, TypeError, ValueError):
        plain.restore(TelemetryFrame, frame)  # which says what is wrong with it
        raise


def _first_statics(recording: Recording) -> GameStatics:
    entry = next(recording.entries(Topic.STATICS), None)
    if entry is None:
        raise RecordingError(
            f"{recording.path} does not say which car and track it is of.",
            hint="Record while the game is in a session: it tells then.",
        )
    return plain.restore(GameStatics, entry.plain)


def _rate(recording: Recording) -> float:
    """Return how many frames a second were recorded."""
    first = itertools.islice(recording.entries(Topic.TELEMETRY), LOOK_AT_FRAMES)
    times_s = [plain.restore(TelemetryFrame, entry.plain).t_wall for entry in first]
    apart_s = [b - a for a, b in itertools.pairwise(times_s) if b > a]
    if not apart_s:
        raise RecordingError(
            f"{recording.path} has no telemetry that steps could be made of.",
            hint="ac-bridge inspect says what is in it.",
        )
    return 1.0 / statistics.median(apart_s)
