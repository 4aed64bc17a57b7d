"""Laps, sectors and times, by the game's own clock of 3 ms steps.

The lap clock runs from the start button. A car that starts on the line has a full lap before it,
comparable with the others but for its standing start; one that starts elsewhere drives to the line
first, and its clock begins anew there. A lap counts when the sector lines and
then the timing line were crossed in order; crossing the timing line any other way counts nothing
and stops nothing. A lap with a cut (more than `ALLOWED_TYRES_OUT` tyres beyond the kerb at once)
counts too, and only the text of the best lap ignores it, as in the game's practice session.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

STEP_MS = 3
SECTORS = 3
ALLOWED_TYRES_OUT = 2


class LapTimes(NamedTuple):
    """What a `LapTimer` shows at one moment; see there."""

    current_ms: int
    completed: int
    last_ms: int
    best_ms: int
    best_valid_ms: int
    sector: int
    sector_ms: int
    split_ms: int


@dataclasses.dataclass(slots=True)
class LapTimer:
    """The timing of one drive."""

    length_m: float
    """The circuit's."""
    position_m: float = 0.0
    """Where the car is along the line."""
    current_ms: int = 0
    completed: int = 0
    last_ms: int = 0
    """0 until there is one."""
    best_ms: int = 0
    """The fastest lap, cuts or not; 0 until there is one."""
    best_valid_ms: int = 0
    """The fastest lap without a cut; 0 until there is one."""
    sector: int = 0
    """How many sector lines of this lap were crossed."""
    sector_ms: int = 0
    """The last split, of this lap or of the one before; 0 until there is one."""
    sector_start_ms: int = 0
    cut: bool = False
    """Whether this lap has one."""
    out_lap: bool = False
    """Whether the drive began elsewhere than at the line: then the first crossing counts no lap,
    and sets the lap clock to zero."""

    def step(self, position_m: float, tyres_out: int) -> None:
        """Count 3 ms during which the car came to ``position_m``."""
        self.current_ms += STEP_MS
        if tyres_out > ALLOWED_TYRES_OUT:
            self.cut = True
        before, self.position_m = self.position_m, position_m
        if abs(position_m - before) > 0.5 * self.length_m:
            if position_m < before:
                self._cross_line()
        elif self.sector < SECTORS - 1:
            line_m = (self.sector + 1) * self.length_m / SECTORS
            if before < line_m <= position_m:
                self._cross_sector()

    def times(self) -> LapTimes:
        """Return what it shows now."""
        return LapTimes(
            self.current_ms,
            self.completed,
            self.last_ms,
            self.best_ms,
            self.best_valid_ms,
            self.sector,
            self.sector_ms,
            self.split_ms,
        )

    @property
    def split_ms(self) -> int:
        """The last split of this lap; 0 if there is none yet."""
        return self.sector_ms if self.sector else 0

    def _cross_sector(self) -> None:
        self.sector += 1
        self.sector_ms = self.current_ms - self.sector_start_ms
        self.sector_start_ms = self.current_ms

    def _cross_line(self) -> None:
        if self.out_lap:
            self.current_ms = self.sector_start_ms = self.sector = 0
            self.cut = self.out_lap = False
            return
        if self.sector < SECTORS - 1:
            return
        lap_ms = self.current_ms
        self.sector_ms = lap_ms - self.sector_start_ms
        self.last_ms = lap_ms
        self.best_ms = min(self.best_ms or lap_ms, lap_ms)
        if not self.cut:
            self.best_valid_ms = min(self.best_valid_ms or lap_ms, lap_ms)
        self.completed += 1
        self.current_ms = self.sector_start_ms = self.sector = 0
        self.cut = False


@functools.lru_cache(maxsize=8)  # of the three that a page shows, two change once a lap
def lap_text(time_ms: int) -> str:
    """Return a time as the game writes it, with a colon before the milliseconds."""
    if time_ms <= 0:
        return "-:--:---"
    minutes, rest_ms = divmod(time_ms, 60_000)
    return f"{minutes}:{rest_ms // 1000:02}:{rest_ms % 1000:03}"
