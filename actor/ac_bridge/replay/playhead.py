"""Where in a recording we are, and when what comes next is due. Pure: no clock.

Frames tell how time passed: by their own clock, which in a lockstep game is the game's. Their times
may begin anew, with a reset that relaunched the game or with the next game; time played never goes
back. Events have no time of the game. In a recording made in real time they come as long after the
frame before them as they did; in lockstep, where the recorder's clock says nothing, with that
frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ac_bridge.replay.records import Played, Record, frame_in
from ac_bridge.replay.tape import Tape
from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.frame import GameState, GameStatics, TelemetryFrame
from ac_bridge_recording.topics import EpisodeStart

LONGEST_GAP_S = 10.0
"""A pause in which no frame was recorded, as while the game was away, is played no longer."""

BACK_S = 2.0
"""A step that came late was answered by a frame older than the newest one of the stream, by at most
the hold time. Frames that are older than that are of another time altogether."""


class Cue(NamedTuple):
    """What comes next, and when."""

    due_s: float
    """In seconds of the time played."""
    record: Record


class Playhead:
    """Goes through a tape, again and again.

    Args:
        tape: what is played.

    Attributes:
        tape: what is played.
        at_s: the time played so far, in seconds.
        state: the game's, at the last frame.
        statics: the game's static facts, as they were told last.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.at_s = 0.0
        self.state = GameState.ABSENT
        self.statics = tape.statics
        self._next: Cue | None = None
        self._cues = self._from(tape.play())

    def peek(self) -> Cue | None:
        """Return what comes next; None at the end.

        Raises:
            RecordingError: the file is damaged there.
        """
        if self._next is None:
            self._next = next(self._cues, None)
        return self._next

    def take(self) -> Record | None:
        """Return what comes next, and go on; None at the end.

        Raises:
            RecordingError: the file is damaged there.
        """
        cue, self._next = self.peek(), None
        if cue is None:
            return None
        self.at_s, record = cue
        frame = frame_in(record)
        if frame is not None:
            self.state = frame.state
        if isinstance(record, EpisodeStart):
            self.statics = record.statics
        elif isinstance(record, GameStatics):
            self.statics = record
        return record

    def rewind(self) -> None:
        """Begin at the beginning again."""
        self._next, self._cues = None, self._from(self.tape.play())

    def seek(self, episode: int) -> EpisodeStart:
        """Go to the beginning of an episode, and return it.

        Raises:
            RecordingError: the file is damaged there.
        """
        self._next, self._cues = None, self._from(self.tape.play(episode))
        start = self.take()
        if not isinstance(start, EpisodeStart):
            raise RecordingError(f"{self.tape.recording.path} has changed while it was played.")
        return start

    def _from(self, played: Iterable[Played]) -> Iterator[Cue]:
        """Yield what is played from now on, each record with its time."""
        shown_s = due_s = self.at_s
        shown_ns = 0
        newest: TelemetryFrame | None = None
        for time_ns, record in played:
            frame = frame_in(record)
            if frame is not None:
                gap_s = 0.0 if newest is None else _gap_s(newest, frame, record)
                if newest is None or gap_s > 0:
                    newest = frame
                shown_s, shown_ns = shown_s + gap_s, time_ns
                due_s = max(due_s, shown_s)
            elif newest is not None and not self.tape.lockstep:
                after_s = min((time_ns - shown_ns) / 1e9, LONGEST_GAP_S)
                due_s = max(due_s, shown_s + after_s)
            yield Cue(due_s, record)


def _gap_s(before: TelemetryFrame, frame: TelemetryFrame, record: Record) -> float:
    """Return how long after another a frame is shown, in seconds."""
    gap_s = frame.t_wall - before.t_wall
    if gap_s < -BACK_S or (gap_s < 0 and isinstance(record, EpisodeStart)):
        gap_s = frame.dt
    return min(max(gap_s, 0.0), LONGEST_GAP_S)
