"""Who acts: the policy in force, the one that waits, and the one before. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Protocol

from ac_bridge_protocol.experience import Array
from ac_bridge_protocol.runs import Swap


class Thought(Protocol):
    """What a policy makes of an observation."""

    @property
    def action(self) -> Array:
        """Float32[components]; finite."""

    @property
    def extras(self) -> Mapping[str, Array]:
        """What else it says."""


class Policy(Protocol):
    """Something that acts."""

    @property
    def noise_size(self) -> int:
        """Numbers that it wants drawn for each action; 0 for none."""

    def act(self, observation: Array, noise: Array | None) -> Thought:
        """Choose an action.

        Raises:
            PolicyFailedError: it did not, or not a finite one.
        """


@dataclasses.dataclass(frozen=True, slots=True)
class Seated:
    """A policy with its number."""

    version: int
    policy: Policy


class Seat:
    """Which policy acts.

    Args:
        on_active: is told of each policy that takes over, and with what it does.
        on_failed: is told of each that failed, and why.

    Attributes:
        active: acts now; None while there is none.
        waiting: takes over when it is time.
    """

    def __init__(
        self,
        on_active: Callable[[Seated, Swap], None] = lambda _seated, _with: None,
        on_failed: Callable[[Seated, str], None] = lambda _seated, _why: None,
    ) -> None:
        self._on_active = on_active
        self._on_failed = on_failed
        self.active: Seated | None = None
        self.waiting: Seated | None = None
        self._when = Swap.EPISODE
        self._before: Seated | None = None

    def offer(self, policy: Seated, when: Swap) -> None:
        """Let a policy wait for its turn; one that waited already never gets it."""
        self.waiting, self._when = policy, when

    def at_tick(self) -> Seated | None:
        """A tick has come; return the policy that has taken over with it, if one has."""
        return self._swap(Swap.TICK) if self._when is Swap.TICK else None

    def at_episode(self) -> Seated | None:
        """An episode begins; return the policy that takes over with it, if one does."""
        return self._swap(Swap.EPISODE)

    def roll_back(self, why: str) -> Seated | None:
        """The active policy failed: return the one before it, which acts again, if there is one.

        A failure of that one leaves none.
        """
        failed, self.active, self._before = self.active, self._before, None
        if failed is not None:
            self._on_failed(failed, why)
        return self.active

    def _swap(self, at: Swap) -> Seated | None:
        if self.waiting is None:
            return None
        self._before, self.active, self.waiting = self.active, self.waiting, None
        self._on_active(self.active, at)
        return self.active
