"""Slow quantities of tyres and brakes: heat, wear, dirt. First-order models.

Updated every `EVERY_STEPS` physics steps. They are for show: grip does not depend on them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

EVERY_STEPS = 10
COLD_PRESSURE_PSI = 26.0
TYRE_WORK_K_PER_J = 1.0 / 700.0
"""Warming of the surface for each joule of sliding."""
MELTING_C = 200.0
"""A tread that slides at this temperature sheds its heat with the rubber."""
TYRE_COOLING_PER_S = 0.035
CORE_PER_S = 0.02
WEAR_PER_J = 3e-7
"""Percent of grip for each joule of sliding."""
BRAKE_K_PER_J = 1.0 / 1600.0
BRAKE_COOLING_PER_S = 0.04


@dataclasses.dataclass(slots=True)
class Wear:
    """The state of four tyres and four brakes."""

    ambient_c: float
    surface_c: list[float] = dataclasses.field(default_factory=list)
    core_c: list[float] = dataclasses.field(default_factory=list)
    brake_c: list[float] = dataclasses.field(default_factory=list)
    grip_pct: list[float] = dataclasses.field(default_factory=lambda: [100.0] * 4)
    """100 is new; falls towards about 90."""
    dirt: list[float] = dataclasses.field(default_factory=lambda: [0.0] * 4)
    """0 (clean) to 5."""

    def __post_init__(self) -> None:
        self.surface_c = [self.ambient_c + 30.0] * 4
        self.core_c = [self.ambient_c + 25.0] * 4
        self.brake_c = [self.ambient_c] * 4

    def step(
        self,
        sliding_w: Sequence[float],
        braking_w: Sequence[float],
        out: Sequence[bool],
        speed_m_s: float,
        dt_s: float,
    ) -> None:
        """Go on by ``dt_s``.

        Args:
            sliding_w: power that each tyre loses by sliding.
            braking_w: power that each brake takes.
            out: whether each tyre is beyond the kerb.
            speed_m_s: of the car; air and rolling clean and cool.
            dt_s: seconds.
        """
        airflow = 0.3 + speed_m_s / 40.0
        ambient = self.ambient_c
        tyre_cooling, brake_cooling = TYRE_COOLING_PER_S * airflow, BRAKE_COOLING_PER_S * airflow
        for i in range(4):
            surface, core, brake, sliding = (
                self.surface_c[i], self.core_c[i], self.brake_c[i], sliding_w[i]
            )  # fmt: skip
            softness = max(1.0 - surface / MELTING_C, 0.0)
            warming = sliding * TYRE_WORK_K_PER_J * softness
            cooling = tyre_cooling * (surface - ambient)
            surface += dt_s * (warming - cooling - CORE_PER_S * (surface - core))
            self.surface_c[i] = surface
            self.core_c[i] += dt_s * CORE_PER_S * (surface - core)
            lost = brake_cooling * (brake - ambient)
            self.brake_c[i] += dt_s * (braking_w[i] * BRAKE_K_PER_J - lost)
            worn = sliding * WEAR_PER_J * dt_s
            self.grip_pct[i] = max(self.grip_pct[i] - worn, 90.0)
            if out[i] or self.dirt[i] > 0.0:
                gain = 0.02 * speed_m_s if out[i] else -0.01 * speed_m_s
                self.dirt[i] = min(max(self.dirt[i] + gain * dt_s, 0.0), 5.0)

    def pressure_psi(self, wheel: int) -> float:
        """Return a tyre's hot pressure."""
        return COLD_PRESSURE_PSI * (273.0 + self.core_c[wheel]) / (273.0 + self.ambient_c)
