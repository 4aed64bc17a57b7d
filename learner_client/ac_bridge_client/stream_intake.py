"""Records of one actor, in: each once and in order, and joined to steps. Pure.

A step is what an actor saw, what its policy did about that, and what came of it: two records that
follow each other, or a start and the first record after it. The last step of an episode that has no
end of its own, as the actor was killed or the run stopped, is truncated; so a step is only handed
out when it is known whether another one follows.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping, Sequence

from ac_bridge_protocol.edge import RecordNumber, SpoolName
from ac_bridge_protocol.experience import (
    Array,
    EpisodeStart,
    Record,
    Transition,
    to_array,
    to_bytes,
    unpack,
)
from ac_bridge_protocol.wire import WireModel


class Bookmark(WireModel):
    """How far somebody has come in a spool, and what is needed to go on from there."""

    spool: SpoolName
    """Which."""
    upto: RecordNumber
    """The last record that was handed out for good."""
    run: str = ""
    """Of the episode that goes on after it; empty if none does."""
    episode: int = 0
    """Its number."""
    observation: str = ""
    """At that record: base64 of little-endian float32."""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One step of an episode.

    Attributes:
        spool: where its record was kept.
        number: of its record there.
        observation: before it, float32[elements].
        next_observation: after it, likewise.
        transition: its record.
        first: whether the episode began with it.
        last: whether the episode goes on no further, as far as is known.
        cut: whether that is because no more of the episode has come, or will.
    """

    spool: str
    number: int
    observation: Array
    next_observation: Array
    transition: Transition
    first: bool
    last: bool = False
    cut: bool = False

    @property
    def truncated(self) -> bool:
        """Whether the episode is over for another reason than its task's."""
        return self.cut or self.transition.truncated

    @property
    def bookmark(self) -> Bookmark:
        """What is known once it was handed out for good."""
        if self.last:
            return Bookmark(spool=self.spool, upto=self.number)
        return Bookmark(
            spool=self.spool,
            upto=self.number,
            run=self.transition.run,
            episode=self.transition.episode,
            observation=base64.b64encode(to_bytes(self.next_observation)).decode(),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Open:
    """An episode that goes on."""

    run: str
    episode: int
    observation: Array
    begins: bool


class _Reading:
    """One spool, as far as it has come in."""

    def __init__(self, bookmark: Bookmark) -> None:
        self.spool = bookmark.spool
        self.newest = bookmark.upto
        self.unjoined = 0
        self._held: Step | None = None
        self._open: _Open | None = None
        if bookmark.run:
            data = base64.b64decode(bookmark.observation)
            self._open = _Open(bookmark.run, bookmark.episode, to_array(data), begins=False)

    def take(self, number: int, record: Record) -> list[Step]:
        """Return the steps that are whole now."""
        self.newest = number
        observation = to_array(record.observation)
        goes_on = _Open(record.run, record.episode, observation, isinstance(record, EpisodeStart))
        if isinstance(record, EpisodeStart):
            steps = self.cut()
            self._open = goes_on
            return steps
        over = record.terminated or record.truncated
        before = self._open
        if before is None or (before.run, before.episode) != (record.run, record.episode):
            # Its start was lost, with the spool's oldest, or acknowledged by another learner.
            self.unjoined += 1
            steps = self.cut()
            self._open = None if over else goes_on
            return steps
        steps = self._release()
        seen = before.observation
        step = Step(self.spool, number, seen, observation, record, before.begins, over)
        self._open = None if over else goes_on
        if over:
            return [*steps, step]
        self._held = step
        return steps

    def cut(self) -> list[Step]:
        """Return the last step, if there is one of which no more will come."""
        self._open = None
        return [dataclasses.replace(step, last=True, cut=True) for step in self._release()]

    def _release(self) -> list[Step]:
        held, self._held = self._held, None
        return [] if held is None else [held]


class Intake:
    """Takes what an actor sends, over as many links and spools as it takes.

    Args:
        bookmarks: how far the learner had come, by spool, when it was started.

    Attributes:
        records: how many have come, each counted once.
        duplicates: how many came that were here before, and were dropped.
        gaps: how many never came: the actor dropped them, or another learner has them.
    """

    def __init__(self, bookmarks: Mapping[str, Bookmark] | None = None) -> None:
        self._bookmarks = dict(bookmarks or {})
        self._readings: dict[str, _Reading] = {}
        self._reading: _Reading | None = None
        self.records = self.duplicates = self.gaps = 0

    @property
    def spool(self) -> str:
        """The actor's, at present; empty before the first."""
        return "" if self._reading is None else self._reading.spool

    @property
    def spools(self) -> int:
        """How many there were."""
        return len(self._readings)

    @property
    def unjoined(self) -> int:
        """How many records could not be joined to a step, as the one before was missing."""
        return sum(reading.unjoined for reading in self._readings.values())

    @property
    def newest(self) -> int:
        """The last record of this spool that has come; 0 before the first."""
        return 0 if self._reading is None else self._reading.newest

    def meet(self, spool: str, acknowledged: int = 0) -> list[Step]:
        """Hear which spool the actor has; return the steps that are whole with that.

        Args:
            spool: its name.
            acknowledged: how far a learner had come in it: what is before does not come any more.
        """
        steps: list[Step] = []
        if self._reading is None or self._reading.spool != spool:
            steps = [] if self._reading is None else self._reading.cut()
            known = self._readings.get(spool)
            if known is None:
                known_upto = self._bookmarks.get(spool)
                known = _Reading(known_upto or Bookmark(spool=spool, upto=acknowledged))
                self._readings[spool] = known
            self._reading = known
        return steps + self._skip_to(acknowledged)

    def take(self, spool: str, first: int, records: Sequence[bytes]) -> list[Step]:
        """Take records, and return the steps that are whole now, in order.

        Args:
            spool: where they were kept.
            first: number of the first; the others follow.
            records: packed.

        Raises:
            FrameError: one of them is no record.
        """
        steps = self.meet(spool)
        known = min(max(self.newest + 1 - first, 0), len(records))
        self.duplicates += known
        fresh = records[known:]
        if not fresh:
            return steps
        steps += self._skip_to(first + known - 1)
        assert self._reading is not None  # noqa: S101 -- met
        for number, data in enumerate(fresh, first + known):
            steps += self._reading.take(number, unpack(data))
            self.records += 1
        return steps

    def settle(self, last: float) -> list[Step]:
        """Hear that no record follows the one of that number now; return what is whole with that.

        Whatever comes later begins with an episode's start.
        """
        if self._reading is None or self._reading.newest < last:
            return []
        return self._reading.cut()

    def _skip_to(self, number: int) -> list[Step]:
        """Pass over what never came up to a number."""
        reading = self._reading
        if reading is None or number <= reading.newest:
            return []
        self.gaps += number - reading.newest
        reading.newest = number
        return reading.cut()
