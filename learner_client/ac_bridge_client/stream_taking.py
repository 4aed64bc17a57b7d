"""Steps of several actors, out: fairly, and in the order of each. Pure."""

from __future__ import annotations

import collections
from collections.abc import Hashable, Iterable, Sequence

from ac_bridge_client.stream_batch import Labelled, shape_of
from ac_bridge_client.stream_intake import Bookmark, Step


class Taking:
    """Takes steps from queues, into a batch or an episode.

    What was gathered and not handed out stays here until it is.

    Args:
        queues: of steps, one for each actor.
    """

    def __init__(self, queues: Sequence[collections.deque[Step]]) -> None:
        self._queues = queues
        self._batch: list[Labelled] = []
        self._shape: Hashable = None
        self._episodes: list[list[Step]] = [[] for _ in queues]
        self._turn = 0
        self._whole: int | None = None

    def start_over(self) -> None:
        """Put back what was gathered."""
        for index, step in reversed(self._batch):
            self._queues[index].appendleft(step)
        for queue, steps in zip(self._queues, self._episodes, strict=True):
            queue.extendleft(reversed(steps))
            steps.clear()
        self._batch.clear()
        self._whole = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was gathered for a batch."""
        return not self._batch

    # --- Batches ----------------------------------------------------------------------------------

    def gather(self, count: int) -> bool:
        """Gather steps; return whether there are so many, or the next have another shape.

        Each actor that has something gives a share of them, by turns.
        """
        while len(self._batch) < count:
            ready = [index for index in self._in_turn() if self._queues[index]]
            if not ready:
                return False
            share = -(-(count - len(self._batch)) // len(ready))
            for index in ready:
                if not self._take(index, min(share, count - len(self._batch))):
                    return True
        return True

    def gathered(self) -> list[Labelled]:
        """Return what was gathered; the next batch begins with another actor."""
        found, self._batch = self._batch, []
        self._turn += 1
        return found

    def _take(self, index: int, most: int) -> bool:
        """Take steps of one actor; return False where the shape changes."""
        queue = self._queues[index]
        for _ in range(min(most, len(queue))):
            shape = shape_of(queue[0])
            if self._batch and shape != self._shape:
                return False
            self._shape = shape
            self._batch.append((index, queue.popleft()))
        return True

    # --- Episodes ---------------------------------------------------------------------------------

    def gather_episode(self) -> bool:
        """Gather steps; return whether an episode is over."""
        if self._whole is None:
            self._whole = next(filter(self._ends, self._in_turn()), None)
        return self._whole is not None

    def episode(self) -> list[Labelled]:
        """Return the episode that is over; the next search begins with the actor after it."""
        assert self._whole is not None  # noqa: S101 -- gathered
        index, self._whole = self._whole, None
        steps, self._episodes[index] = self._episodes[index], []
        self._turn = index + 1
        return [(index, step) for step in steps]

    def _ends(self, index: int) -> bool:
        """Gather steps of one actor; return whether its episode is over."""
        queue, steps = self._queues[index], self._episodes[index]
        while queue:
            steps.append(queue.popleft())
            if steps[-1].last:
                return True
        return False

    # --- Both -------------------------------------------------------------------------------------

    @staticmethod
    def bookmarks(found: Iterable[Labelled]) -> dict[str, Bookmark]:
        """Return how far these steps come, by spool."""
        newest = {step.spool: step for _, step in found}
        return {spool: step.bookmark for spool, step in newest.items()}

    def _in_turn(self) -> list[int]:
        count = len(self._queues)
        return [(self._turn + offset) % count for offset in range(count)]
