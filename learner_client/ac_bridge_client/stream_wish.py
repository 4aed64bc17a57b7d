"""What an actor is to drive: said until it has heard. Pure."""

from __future__ import annotations

from ac_bridge_protocol.edge import RunStart, RunStatus, RunStop
from ac_bridge_protocol.runs import RunEnd


class Wish:
    """A run to be driven, or not any more; said on each link anew, unless the actor has done it.

    One that the operator at the gaming PC has stopped is not said again: nobody there expects it.

    Attributes:
        done: whether the actor has confirmed that it drives no more, as was wished.
    """

    def __init__(self) -> None:
        self._wish: RunStart | RunStop | None = None
        self._due = self._said = self._known = False
        self.done = False

    def set(self, wish: RunStart | RunStop) -> None:
        """Wish for something else."""
        self._wish, self._due = wish, True
        self._said = self._known = self.done = False

    def connected(self) -> None:
        """There is another link: nothing was said on it yet."""
        self._due, self._said = self._wish is not None, False

    def hear(self, status: RunStatus) -> None:
        """Take how the run stands."""
        self._known |= self._said
        over = not status.driving
        self.done |= isinstance(self._wish, RunStop) and self._known and over
        if status.end is RunEnd.EMERGENCY and self._known:
            self._wish, self._due = None, False
        elif isinstance(self._wish, RunStop):
            self._due = self._due and not (self._known and over)
        elif self._wish is not None and self._known and over:
            # Asked again, it would begin anew.
            self._due = self._due and status.run != self._wish.terms.run

    def next_message(self) -> RunStart | RunStop | None:
        """Return what to say now; None if there is nothing."""
        if not self._due:
            return None
        self._due, self._said = False, True
        return self._wish
