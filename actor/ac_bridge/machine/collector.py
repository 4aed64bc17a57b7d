"""The garbage collector, kept out of the ticks.

Python collects whenever enough objects were made, which is in the middle of a tick as likely as
anywhere, and a full collection stops everything for milliseconds. `GcKeeper` switches that off and
collects in the pauses that it is told of, the dearer generations in those that are long enough.
"""

from __future__ import annotations

import gc
import math
from types import TracebackType
from typing import Self

OVERDUE_FULL = 50
"""So many collections of the middle generation without a full one are too many. Python itself would
do a full one after 10; here one looks only at what was made since the start, which is little."""

PAUSE_S = 0.003
"""A collection of more than the youngest, which takes 1 to 3 ms, waits for so many seconds."""

PATIENCE = 2
"""But no longer than until so many times as much is due."""


class GcKeeper:
    """Collects only when it is told that there is time, while it is entered.

    What exists on entering is taken as staying for good, and never looked at again until the end.
    """

    def __init__(self) -> None:
        self._was_enabled = False
        self._was_frozen = False

    def __enter__(self) -> Self:
        self._was_enabled = gc.isenabled()
        self._was_frozen = gc.get_freeze_count() > 0
        gc.collect()
        gc.freeze()
        gc.disable()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._was_frozen:
            gc.unfreeze()
        if self._was_enabled:
            gc.enable()

    def after_work(self, pause_s: float = math.inf) -> None:
        """Collect what is due: to be called after a sample or a step, each time.

        Args:
            pause_s: until something is due that must not wait.
        """
        young, middle, old = gc.get_count()
        most_young, most_middle, _ = gc.get_threshold()
        patience = PATIENCE if pause_s < PAUSE_S else 1
        if old >= OVERDUE_FULL * patience:
            gc.collect()
        elif middle > most_middle * patience:
            gc.collect(1)
        elif young > most_young:
            gc.collect(0)
