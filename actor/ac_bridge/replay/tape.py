"""A recording to be played: an index of its episodes, and its records from any place on. No clock.

A recording of an actor or a learner has episodes. One of a spectator has only the stream of frames:
that is one episode, whose steps are made up of the frames (`ac_bridge.replay.made_up`).
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path

from ac_bridge.replay.made_up import MadeUpSteps
from ac_bridge.replay.records import Played, Tick
from ac_bridge.telemetry.observation import BRIDGE15
from ac_bridge_protocol.errors import GameError, RecordingError, SettingError
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.messages import EndReason
from ac_bridge_protocol.spec import DRIVING_ACTION, EnvSpec, Mode
from ac_bridge_recording import plain
from ac_bridge_recording.reader import Recording
from ac_bridge_recording.topics import MODELS, Dropped, EpisodeStart, StepRecord, Topic

LOOKED_AT = 200
"""Frames from whose times the rate of a stream is told."""

RATE_ROOM = 1.05
"""How much above the rate of a stream one may ask for, as that is measured."""

_INDEXED = (Topic.EPISODE_START, Topic.STEP, Topic.EPISODE_END, Topic.STATICS, Topic.DROPPED)
_PLAYED = (Topic.TELEMETRY, *_INDEXED[:4], Topic.EVENT)


@dataclasses.dataclass(slots=True, eq=False)
class TapedEpisode:
    """Where an episode is found, and how long it is."""

    start: EpisodeStart
    time_ns: int
    number: int
    """Episodes on the tape before it, those without steps included."""
    at_once: int
    """How many of these began in the same nanosecond, as by a clock that stood still."""
    steps: int = 0


class Tape:
    """A recording to be played. Reads all of it once, so that what is damaged shows now.

    Args:
        path: of the file.
        hz: for a recording without episodes: how many of its frames a second become steps. None
            takes all.

    Attributes:
        recording: the file.
        episodes: those that have steps, in order; a made-up one is the only one.
        statics: the game's static facts as they were first; None if they were never told.
        has_stream: whether it has the telemetry stream, and not only the steps' frames.
        made_up: whether there are no steps, and some are made of the stream.
        lockstep: whether time stood still between the steps when it was recorded: then only the
            frames tell how time passed in the game.
        spec: what a driver is offered, but for mode and modes.
        dropped: records that are missing, since the recorder was behind.

    Raises:
        RecordingError: it is not there, is no recording of ours or damaged, or holds no frame.
        SettingError: a rate for a recording that has steps, or one that it cannot give.
    """

    def __init__(self, path: Path, hz: float | None = None) -> None:
        self.recording = Recording(path)
        self.statics: GameStatics | None = None
        self._all: list[TapedEpisode] = []
        self._read_through()
        frames = list(itertools.islice(self.recording.frames(), LOOKED_AT))
        self.has_stream = bool(frames)
        self.episodes = [episode for episode in self._all if episode.steps]
        self.made_up = not self.episodes
        if self.made_up:
            self._make_up(frames, hz)
        elif hz is not None:
            raise SettingError(
                f"{path} has {len(self.episodes)} episodes, with steps of their own.",
                setting="hz",
                hint="Leave out --hz: it is for recordings without steps, as of a human lap.",
            )
        else:
            self.spec = self.episodes[0].start.spec.model_copy(update={"game": "replay"})
        modes = [self.recording.about.get("mode"), *(one.start.spec.mode for one in self._all)]
        self.lockstep = Mode.LOCKSTEP in modes

    def choose(self, seed: int | None, turn: int) -> int:
        """Return which episode a reset begins.

        Args:
            seed: that it was recorded with; None for the next one.
            turn: how many were begun before.

        Raises:
            SettingError: no episode has that seed; lists those that there are.
            GameError: there is nothing to be driven.
        """
        if not self.episodes:
            raise GameError(
                "This recording holds too little to be driven: no steps, and less than two frames, "
                "or no static facts of the game.",
                hint="Watch it as a spectator.",
            )
        if seed is None:
            return turn % len(self.episodes)
        seeds = [episode.start.seed for episode in self.episodes]
        if seed in seeds:
            return seeds.index(seed)
        known = ", ".join(str(one) for one in dict.fromkeys(seeds) if one is not None)
        raise SettingError(
            f"No episode of this recording has the seed {seed}.",
            setting="seed",
            hint=f"There are: {known}." if known else "None of them has one: reset without.",
        )

    def play(self, episode: int | None = None) -> Iterator[Played]:
        """Yield the records from the beginning of an episode on, or of the tape if it is None.

        Raises:
            RecordingError: the file is damaged, or holds something that this version does not know.
        """
        if not self.made_up:
            return self._recorded(None if episode is None else self.episodes[episode])
        played = self._recorded(None)
        if self.statics is not None:
            made_up = MadeUpSteps(self.spec, self._rate_hz, self.statics)
            played = made_up.among(played)
        if episode is None:
            return played
        return itertools.dropwhile(lambda one: not isinstance(one.record, EpisodeStart), played)

    # --- Inside -----------------------------------------------------------------------------------

    def _read_through(self) -> None:
        """Find the episodes, and whatever is missing or damaged."""
        current: TapedEpisode | None = None
        began: collections.Counter[int] = collections.Counter()
        dropped: dict[str, int] = {}  # each record of it counts from the beginning
        newest_ns, self._in_order = 0, True
        for entry in self.recording.entries(*_INDEXED):
            self._in_order = self._in_order and newest_ns <= entry.time_ns
            newest_ns = entry.time_ns
            match entry.topic:
                case Topic.STEP:
                    if current is not None:
                        current.steps += 1
                case Topic.EPISODE_START:
                    start = plain.restore(EpisodeStart, entry.plain)
                    self.statics = self.statics or start.statics
                    at_once = began[entry.time_ns]
                    began[entry.time_ns] += 1
                    current = TapedEpisode(start, entry.time_ns, len(self._all), at_once)
                    self._all.append(current)
                case Topic.EPISODE_END:
                    current = None
                case Topic.STATICS:
                    self.statics = self.statics or plain.restore(GameStatics, entry.plain)
                case _:
                    told = plain.restore(Dropped, entry.plain)
                    dropped[told.topic] = told.count
        self.dropped = sum(dropped.values())

    def _make_up(self, frames: list[TelemetryFrame], hz: float | None) -> None:
        """Take the stream of frames for the one episode, if it is enough for that."""
        if not frames:
            where = self.recording.path
            cut = "" if self.recording.whole else ": it was cut off before the first"
            raise RecordingError(
                f"There is no frame in {where}{cut}.",
                hint="Was the game running, and did somebody drive or watch?",
            )
        self._rate_hz = rate_of(frames)
        if hz is not None and not 0 < hz <= self._rate_hz * RATE_ROOM:
            raise SettingError(
                f"{self.recording.path} has {self._rate_hz:g} frames a second, not {hz:g}.",
                setting="hz",
                hint="Ask for less, or leave out --hz to take all of them.",
            )
        self.spec = EnvSpec(
            game="replay",
            mode=Mode.LATEST,
            modes=(Mode.LATEST,),
            control_hz=hz or self._rate_hz,
            telemetry_hz=self._rate_hz,
            observation_profile=BRIDGE15.name,
            observation=BRIDGE15.features,
            action=DRIVING_ACTION,
            smoothing="none",
        )
        if self.statics is not None:
            self._find_made_up()

    def _find_made_up(self) -> None:
        """Index the made-up episode, if it has a step."""
        start: TapedEpisode | None = None
        for time_ns, record in self.play():
            if isinstance(record, EpisodeStart):
                start = TapedEpisode(record, time_ns, 0, 0)
            elif isinstance(record, Tick) and start is not None:
                start.steps = 1  # or more: nobody counts them
                self.episodes = [start]
                return

    def _recorded(self, since: TapedEpisode | None) -> Iterator[Played]:
        """Yield what was recorded, from an episode on."""
        since_ns, first, number = 0, 0, 0
        if since is not None:
            first = since.number
            if self._in_order:  # else nothing can be left out by its time
                since_ns, number = since.time_ns, since.number - since.at_once
        steps = 0  # left in the episode
        waits = since is not None
        for entry in self.recording.entries(*_PLAYED, since_ns=since_ns):
            if entry.topic is Topic.EPISODE_START:
                steps = self._all[number].steps
                waits = waits and number < first
                number += 1
            elif entry.topic is Topic.EPISODE_END:
                steps = 0
                continue
            if waits:
                continue
            record = plain.restore(MODELS[entry.topic], entry.plain)
            if not isinstance(record, StepRecord):
                yield Played(entry.time_ns, record)  # type: ignore[arg-type]
            elif steps:
                steps -= 1
                end = record.end or (None if steps else EndReason.RECORDING_ENDED)
                yield Played(entry.time_ns, Tick(record, end))


def rate_of(frames: Iterable[TelemetryFrame]) -> float:
    """Return how many frames a second a stream has, by the median of the times between them."""
    gaps_s = [after.t_wall - before.t_wall for before, after in itertools.pairwise(frames)]
    usual_s = statistics.median([gap_s for gap_s in gaps_s if gap_s > 0] or [0.1])
    return round(1.0 / usual_s, 1) or 0.1
