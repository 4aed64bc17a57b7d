"""Rules: reasons to end an episode, each a small object, put together as a task needs them.

Times are sums of the steps' nominal lengths, with half a step of tolerance so that rounding adds
none. Every constant is a keyword.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.tasks.checks import at_least, is_asked, whole

SHORTEST_S = 0.001
"""A limit of time is at least so long."""
CRAWL_KMH = 3.0
"""A car that is slower drives no way at all, be it a wrong one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Ending:
    """Why an episode ends."""

    reason: str
    """For ``info["end_reason"]``."""
    truncated: bool = False
    """A limit from outside of the task, so that what would follow still has its worth."""


class Rule(Protocol):
    """A reason to end an episode. Any object with these two methods is one."""

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode at ``frame``."""

    def step(self, previous: TelemetryFrame, frame: TelemetryFrame) -> Ending | None:
        """Look at a step; return why the episode ends with it, None if it goes on."""


class Rules:
    """Several rules as one. What is lost counts before what is limited, and the first of each.

    Args:
        rules: in the order in which they are asked.
    """

    def __init__(self, *rules: Rule) -> None:
        for rule in rules:
            if not is_asked(rule):
                raise SettingError(
                    f"{rule!r:.80} is no rule.",
                    setting="rules",
                    hint="Join several with Rules(OffTrack(), Stuck()); each has reset and step.",
                )
        self.rules = rules

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode at ``frame``."""
        for rule in self.rules:
            rule.reset(frame)

    def step(self, previous: TelemetryFrame, frame: TelemetryFrame) -> Ending | None:
        """Return why the episode ends with a step, None if it goes on."""
        endings = [rule.step(previous, frame) for rule in self.rules]
        found = [ending for ending in endings if ending is not None]
        return min(found, key=lambda ending: ending.truncated, default=None)


class _Lasting:
    """A rule that ends an episode when something has gone on for a while."""

    reason = ""

    def __init__(self, for_s: float) -> None:
        self.for_s = at_least(0.0, "for_s", for_s)
        self._since_s = 0.0

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode at ``frame``."""
        self._since_s = 0.0

    def step(self, previous: TelemetryFrame, frame: TelemetryFrame) -> Ending | None:
        """Return why the episode ends with a step, None if it goes on."""
        self._since_s = self._since_s + frame.dt if self._holds(previous, frame) else 0.0
        return Ending(self.reason) if 0 < self._since_s >= self.for_s - frame.dt / 2 else None

    def _holds(self, previous: TelemetryFrame, frame: TelemetryFrame) -> bool:
        raise NotImplementedError


class OffTrack(_Lasting):
    """So many wheels have been off the track for a while: ``off_track``.

    Args:
        wheels: 1 to 4.
        for_s: how long, in seconds.
    """

    reason = "off_track"

    def __init__(self, *, wheels: int = 4, for_s: float = 2.0) -> None:
        super().__init__(for_s)
        self.wheels = whole(1, "wheels", wheels, high=4)

    def _holds(self, previous: TelemetryFrame, frame: TelemetryFrame) -> bool:
        return frame.tyres_out >= self.wheels


class Stuck(_Lasting):
    """The car has been too slow for a while: ``stuck``.

    Args:
        below_kmh: what counts as standing, in km/h.
        for_s: how long, in seconds.
    """

    reason = "stuck"

    def __init__(self, *, below_kmh: float = 5.0, for_s: float = 8.0) -> None:
        super().__init__(for_s)
        self.below_kmh = at_least(0.0, "below_kmh", below_kmh)

    def _holds(self, previous: TelemetryFrame, frame: TelemetryFrame) -> bool:
        return frame.speed_kmh < self.below_kmh


class WrongWay(_Lasting):
    """The car has lost progress for a while: ``wrong_way``.

    Args:
        for_s: how long, in seconds.
    """

    reason = "wrong_way"

    def __init__(self, *, for_s: float = 2.0) -> None:
        super().__init__(for_s)

    def _holds(self, previous: TelemetryFrame, frame: TelemetryFrame) -> bool:
        return frame.speed_kmh > CRAWL_KMH and laps_gained(previous, frame) < 0.0


class Collision:
    """One step brought new damage: ``collision``.

    Args:
        above_kmh: closing speed of the impact, in km/h.
    """

    def __init__(self, *, above_kmh: float = 10.0) -> None:
        self.above_kmh = at_least(0.0, "above_kmh", above_kmh)

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode at ``frame``."""

    def step(self, previous: TelemetryFrame, frame: TelemetryFrame) -> Ending | None:
        """Return why the episode ends with a step, None if it goes on."""
        grown = any(
            now > before and now > self.above_kmh
            for before, now in zip(previous.car_damage, frame.car_damage, strict=True)
        )
        return Ending("collision") if grown else None


class Wreck:
    """The car is wrecked: ``wrecked``.

    Args:
        at_kmh: closing speed of its worst impact, in km/h; 100 is where a frame says
            ``bodywork_critical``.
    """

    def __init__(self, *, at_kmh: float = 100.0) -> None:
        self.at_kmh = at_least(0.0, "at_kmh", at_kmh)

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode at ``frame``."""

    def step(self, previous: TelemetryFrame, frame: TelemetryFrame) -> Ending | None:
        """Return why the episode ends with a step, None if it goes on."""
        return Ending("wrecked") if frame.car_damage[4] >= self.at_kmh else None


class LapLimit:
    """So many laps are done, truncated: ``lap_limit``.

    Args:
        laps: completed since the episode began; a lap that began before it counts.
        steps_after: steps that still follow the line, so that the page has the lap's time.
    """

    def __init__(self, laps: int, *, steps_after: int = 0) -> None:
        self.laps = whole(1, "laps", laps)
        self.steps_after = whole(0, "steps_after", steps_after)
        self._first = 0
        self._after = 0

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode at ``frame``."""
        self._first, self._after = frame.completed_laps, 0

    def step(self, previous: TelemetryFrame, frame: TelemetryFrame) -> Ending | None:
        """Return why the episode ends with a step, None if it goes on."""
        if frame.completed_laps - self._first < self.laps:
            return None
        self._after += 1
        return Ending("lap_limit", truncated=True) if self._after > self.steps_after else None


class StepLimit:
    """So many steps are done, truncated: ``step_limit``.

    Args:
        steps: from the episode's beginning.
    """

    def __init__(self, steps: int) -> None:
        self.steps = whole(1, "steps", steps)
        self._done = 0

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode at ``frame``."""
        self._done = 0

    def step(self, previous: TelemetryFrame, frame: TelemetryFrame) -> Ending | None:
        """Return why the episode ends with a step, None if it goes on."""
        self._done += 1
        return Ending("step_limit", truncated=True) if self._done >= self.steps else None


class TimeLimit:
    """So much time has passed, truncated: ``time_limit``.

    Args:
        seconds: from the episode's beginning, by the steps' nominal lengths.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = at_least(SHORTEST_S, "seconds", seconds)
        self._passed_s = 0.0

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode at ``frame``."""
        self._passed_s = 0.0

    def step(self, previous: TelemetryFrame, frame: TelemetryFrame) -> Ending | None:
        """Return why the episode ends with a step, None if it goes on."""
        self._passed_s += frame.dt
        over = self._passed_s >= self.seconds - frame.dt / 2
        return Ending("time_limit", truncated=True) if over else None


RULES: dict[str, Callable[..., Rule]] = {
    "off_track": OffTrack,
    "stuck": Stuck,
    "wrong_way": WrongWay,
    "collision": Collision,
    "wreck": Wreck,
    "lap_limit": LapLimit,
    "step_limit": StepLimit,
    "time_limit": TimeLimit,
}
"""Every rule by its name."""


def laps_gained(previous: TelemetryFrame, frame: TelemetryFrame) -> float:
    """Return the share of a lap from one frame to the next, across the line in either direction."""
    before, after = previous.normalized_position, frame.normalized_position
    if before < 0 or after < 0:
        return 0.0  # the page says -1 just after a teleport: no progress is known
    return (after - before) - round(after - before)


def rules_or(given: Rule | None, *usual: Rule) -> Rule:
    """Return the rules that were given to a task, its usual ones if none were.

    Raises:
        SettingError: what was given is no rule.
    """
    return Rules(*usual) if given is None else Rules(given)
