"""What a learner, or a spectator, records: the tap on its links, and the file behind it.

The file begins once there is something to record: nobody gets an empty one for an actor that could
not be reached. What went over the wire until then is kept, and is the first thing in it.

A tape is used from the thread that uses the links, and from no other; so is the recorder below it.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ac_bridge_client.clock import wall_ns
from ac_bridge_client.exchange import Action, Notice
from ac_bridge_client.link import WireTap
from ac_bridge_protocol.codec import Codec
from ac_bridge_protocol.frame import GameStatics
from ac_bridge_protocol.helpers import Closing
from ac_bridge_protocol.messages import Event, ResetResult, StepResult, Telemetry
from ac_bridge_protocol.spec import EnvSpec
from ac_bridge_recording.about import about, make_folder, new_path
from ac_bridge_recording.recorder import Recorder, RecordingStats
from ac_bridge_recording.topics import RecordedBy, Way

log = logging.getLogger("ac_bridge_client")


class Tape(Closing):
    """Records what one drive, or one spectator, sends, gets and makes of it.

    Args:
        given: the file, which must not exist yet, or a folder: what has no ending is one, and is
            made if need be.
        wire: whether messages are recorded as they go over the wire, too.
    """

    def __init__(self, given: str | os.PathLike[str], *, wire: bool = True) -> None:
        self._path: Path = new_path(given, wall_ns())
        self._in_folder = self._path != Path(given)
        self._wire = wire
        self._recorder: Recorder | None = None
        self._early: list[tuple[int, Way, Codec, bytes]] = []
        self._statics: GameStatics | None = None
        self._links = 0
        self._over = ""
        self._told = False

    def begin(self, recorded_by: RecordedBy, uri: str, spec: EnvSpec) -> None:
        """Make the file.

        Raises:
            RecordingError: it exists already, or cannot be made.
            SettingError: its folder cannot be made.
        """
        if self._in_folder:
            make_folder(self._path.parent)
        now_ns = wall_ns()
        described = about(recorded_by, spec, now_ns, uri=uri)
        self._recorder = Recorder(self._path, described, now_ns=wall_ns)
        for link, way, codec, payload in self._early:
            self._recorder.wire(link, way, codec, payload)
        self._early.clear()
        self._recorder.statics(self._statics)

    def tap(self) -> WireTap | None:
        """Return what a new link tells of its messages; None if nobody wants to know."""
        self._links += 1
        return _Tap(self, self._links) if self._wire else None

    # --- What is recorded -------------------------------------------------------------------------

    def wire(self, link: int, way: Way, codec: Codec, payload: bytes) -> None:
        """Record a message as it goes over the wire."""
        if self._recorder is None:
            self._early.append((link, way, codec, payload))
        else:
            self._recorder.wire(link, way, codec, payload)

    def statics(self, statics: GameStatics | None) -> None:
        """Record the game's static facts, if there are any and they are new."""
        self._statics = statics
        if self._recorder is not None:
            self._recorder.statics(statics)

    def notice(self, notice: Notice) -> None:
        """Record a frame of the stream, or an event; the rest is in the wire's messages alone."""
        if self._recorder is None:
            return
        if isinstance(notice, Telemetry):
            self._recorder.frame(notice.frame)
            self._tell_of_failure()
        elif isinstance(notice, Event):
            self._recorder.event(notice)

    def episode_started(self, result: ResetResult, spec: EnvSpec, seed: int | None) -> None:
        """Record the beginning of an episode."""
        self._over = ""
        if self._recorder is not None:
            self._recorder.episode_started(result, spec, seed)

    def stepped(self, action: Action, result: StepResult) -> None:
        """Record a step: the action that it answers, and what came of it."""
        if self._recorder is not None:
            self._recorder.step(action, result)
            self._tell_of_failure()

    def judged(
        self,
        result: StepResult,
        reward: float,
        *,
        terminated: bool,
        truncated: bool,
        reason: object,
    ) -> None:
        """Record what the task made of the step that was recorded last.

        Args:
            result: of the step.
            reward: for it.
            terminated: whether the task ended the episode.
            truncated: whether anything cut it short.
            reason: why it is over, if it is. Whoever steps on all the same has that recorded too:
                the episode's end comes with the next reset, or with the end of everything.
        """
        if self._recorder is None:
            return
        self._recorder.judged(
            result, reward, terminated=bool(terminated), truncated=bool(truncated)
        )
        if (terminated or truncated) and not self._over:
            self._over = str(reason)

    def episode_over(self, reason: str) -> None:
        """Record that the episode ended, for a reason that was given before or for this one."""
        if self._recorder is not None:
            self._recorder.episode_ended(self._over or reason)
        self._over = ""

    # --- How it goes ------------------------------------------------------------------------------

    def stats(self) -> RecordingStats | None:
        """Return what became of the records so far; None before the file was made."""
        return None if self._recorder is None else self._recorder.stats()

    @property
    def failure(self) -> str:
        """Why nothing more is written; empty while all is well."""
        return "" if self._recorder is None else self._recorder.failure

    def close(self) -> None:
        """Finish the file. May be called twice."""
        if self._recorder is None:
            return
        self.episode_over("released")
        self._recorder.close()
        stats = self._recorder.stats()
        level = logging.WARNING if stats.dropped or stats.failure else logging.INFO
        if not self._told or not stats.failure:
            log.log(level, "Recorded: %s", stats.summary())
        self._told = True

    def _tell_of_failure(self) -> None:
        if self._recorder is not None and self._recorder.failure and not self._told:
            self._told = True
            log.warning("Nothing more is recorded: %s", self._recorder.failure)


class _Tap:
    """Tells a tape what goes over one link."""

    def __init__(self, tape: Tape, link: int) -> None:
        self._tape = tape
        self._link = link

    def sent(self, codec: Codec, payload: bytes) -> None:
        self._tape.wire(self._link, Way.TO_ACTOR, codec, payload)

    def came(self, codec: Codec, payload: bytes) -> None:
        self._tape.wire(self._link, Way.TO_LEARNER, codec, payload)
