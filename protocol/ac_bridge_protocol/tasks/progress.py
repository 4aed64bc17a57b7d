"""Metres gained along the track."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeAlias, get_args

from ac_bridge_protocol.errors import GameError, SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.helpers import choose
from ac_bridge_protocol.tasks.base import TaskResult
from ac_bridge_protocol.tasks.checks import at_least, whole
from ac_bridge_protocol.tasks.rules import (
    LapLimit,
    OffTrack,
    Rule,
    StepLimit,
    Stuck,
    Wreck,
    laps_gained,
    rules_or,
)

Along: TypeAlias = Literal["page", "line", "centre"]
GIVE_LENGTH = "Make it of the game's statics: lambda statics: ProgressTask(statics.track_length_m)."


def costs(
    previous: TelemetryFrame, frame: TelemetryFrame, wheel_off: float, damage: float
) -> float:
    """Return what a step costs: for each second and wheel off the track, each km/h of damage."""
    new_damage_kmh = max(0.0, frame.car_damage[4] - previous.car_damage[4])
    return wheel_off * max(0, frame.tyres_out) * frame.dt + damage * new_damage_kmh


def result(reward: float, ending: Any, info: dict[str, Any]) -> TaskResult:
    """Return a step's result with why it is the last, if it is."""
    if ending is None:
        return TaskResult(reward, info=info)
    info["end_reason"] = ending.reason
    return TaskResult(
        reward, terminated=not ending.truncated, truncated=ending.truncated, info=info
    )


class ProgressTask:
    """Metres gained along the lap, less for wheels off the track and for damage.

    Terminates when all four wheels have been off for a while (``off_track``), when the car makes
    no headway (``stuck``), or when it is wrecked (``wrecked``); truncates at a limit of steps
    (``step_limit``) or laps (``lap_limit``).

    Args:
        track_length_m: length of the lap; from `GameStatics.track_length_m`.
        along: ``page``: the game's own progress, which needs no file. ``line``: along the racing
            line. ``centre``: as along the middle of the road: each metre of the line counts for
            what the middle has beside it, so that corners cut on the inside gain nothing.
        off_track_s: how long all four wheels may be off, in seconds; None for 2.
        stuck_s: how long the car may stay below ``stuck_kmh``, in seconds; None for 8.
        stuck_kmh: what counts as standing, in km/h; None for 5.
        wreck_kmh: an impact that ends the episode, in km/h of closing speed; None for 100, which is
            where a frame says ``bodywork_critical``.
        wheel_off_cost: metres taken off for each second and wheel off the track.
        damage_cost: metres taken off for each km/h of new damage.
        max_steps: steps until truncation; None for no limit.
        max_laps: completed laps until truncation; None for no limit.
        rules: what ends an episode, in place of all that; goes with none of the constants that say
            it otherwise.

    Raises:
        SettingError: a constant that cannot be used, or one of what ends an episode beside
            ``rules``.
    """

    def __init__(
        self,
        track_length_m: float,
        *,
        along: Along = "page",
        off_track_s: float | None = None,
        stuck_s: float | None = None,
        stuck_kmh: float | None = None,
        wreck_kmh: float | None = None,
        wheel_off_cost: float = 2.0,
        damage_cost: float = 0.5,
        max_steps: int | None = None,
        max_laps: int | None = None,
        rules: Rule | None = None,
    ) -> None:
        choose(dict.fromkeys(get_args(Along)), along, setting="along")
        self.track_length_m = at_least(0.0, "track_length_m", track_length_m, hint=GIVE_LENGTH)
        if along != "page" and not track_length_m:
            raise SettingError(
                f"Nothing can be measured along the {along} of a track of no length.",
                setting="track_length_m",
                hint=GIVE_LENGTH,
            )
        self.along = along
        self.wheel_off_cost = at_least(0.0, "wheel_off_cost", wheel_off_cost)
        self.damage_cost = at_least(0.0, "damage_cost", damage_cost)
        endings: dict[str, Any] = {
            "off_track_s": off_track_s,
            "stuck_s": stuck_s,
            "stuck_kmh": stuck_kmh,
            "wreck_kmh": wreck_kmh,
            "max_steps": max_steps,
            "max_laps": max_laps,
        }
        given = {name: value for name, value in endings.items() if value is not None}
        if rules is not None and given:
            raise _both(given)
        self.rules = rules_or(rules, *_usual(**given))

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin an episode at ``frame``."""
        self.rules.reset(frame)

    def step(
        self, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
    ) -> TaskResult:
        """Judge one step. ``info`` has progress_m, and end_reason when the episode ends.

        Raises:
            GameError: the track's files are needed and were not read.
        """
        progress_m = self.progress_m(previous, frame)
        reward = progress_m - costs(previous, frame, self.wheel_off_cost, self.damage_cost)
        return result(reward, self.rules.step(previous, frame), {"progress_m": progress_m})

    def progress_m(self, previous: TelemetryFrame, frame: TelemetryFrame) -> float:
        """Return metres gained along the lap, across its line in either direction."""
        if self.along == "page":
            return laps_gained(previous, frame) * self.track_length_m
        before_m, after_m = previous.track_distance, frame.track_distance
        if before_m is None or after_m is None:
            raise without_line(f"ProgressTask(along={self.along!r})")
        laps = (after_m - before_m) / self.track_length_m
        gained_m = (laps - round(laps)) * self.track_length_m
        if self.along == "line":
            return gained_m
        offset_m = (frame.line_offset or 0.0) - (frame.centre_offset or 0.0)
        return gained_m * (1.0 + offset_m * (frame.line_curvature or 0.0))


def _usual(
    *,
    off_track_s: float = 2.0,
    stuck_s: float = 8.0,
    stuck_kmh: float = 5.0,
    wreck_kmh: float = 100.0,
    max_steps: int | None = None,
    max_laps: int | None = None,
) -> Iterator[Rule]:
    yield Wreck(at_kmh=at_least(0.0, "wreck_kmh", wreck_kmh))
    yield OffTrack(for_s=at_least(0.0, "off_track_s", off_track_s))
    yield Stuck(
        below_kmh=at_least(0.0, "stuck_kmh", stuck_kmh), for_s=at_least(0.0, "stuck_s", stuck_s)
    )
    if max_laps is not None:
        yield LapLimit(whole(1, "max_laps", max_laps))
    if max_steps is not None:
        yield StepLimit(whole(1, "max_steps", max_steps))


def _both(given: Iterable[str]) -> SettingError:
    return SettingError(
        f"Rules take the place of {' and '.join(given)}: both cannot be given.",
        setting="rules",
        hint="Say these as rules too, such as Rules(OffTrack(for_s=2.0), LapLimit(3)), or leave "
        "rules out.",
    )


def without_line(what: str) -> GameError:
    """Return the error of a task that needs the track's files, which were not read."""
    return GameError(
        f"{what} needs the track's line, and the actor could not read its files.",
        hint="The actor's event says why; its --game-dir names the game's folder.",
    )
