"""Smoothing between the action asked for and the wheel: a low-pass filter, then a rate limit.

A policy's actions jump; a wheel does not. Each control first follows its target with an
exponential moving average, then is held to a rate, which for pedals differs by direction: letting
go is never slowed as much as pressing. All pure: the time that passed is an argument.
"""

from __future__ import annotations

import dataclasses
import math

from ac_bridge.game import NEUTRAL, Controls
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.helpers import choose


@dataclasses.dataclass(frozen=True, slots=True)
class AxisSmoothing:
    """How one control follows its target."""

    rise_per_s: float = math.inf
    """Fastest growth, in units of the control a second; for the steering, towards the right."""
    fall_per_s: float = math.inf
    """Fastest decline; for the steering, towards the left."""
    ema_tau_s: float = 0.0
    """Time constant of the moving average, in seconds: after it 63 % of a jump is made. 0 is off.
    A time, not a factor, so that the feel does not change with the control rate."""

    def __post_init__(self) -> None:
        if not self.rise_per_s > 0 or not self.fall_per_s > 0:
            raise SettingError(
                f"Rates of smoothing must be above 0, not {self.rise_per_s:g} and "
                f"{self.fall_per_s:g}.",
                setting="smoothing_config",
            )
        if not self.ema_tau_s >= 0 or math.isinf(self.ema_tau_s):
            raise SettingError(
                f"A smoothing time constant must be 0 s or more, not {self.ema_tau_s:g}.",
                setting="smoothing_config",
            )

    def follow(self, current: float, target: float, dt_s: float) -> float:
        """Return where the control is ``dt_s`` seconds after it was at ``current``."""
        remaining = math.exp(-dt_s / self.ema_tau_s) if self.ema_tau_s else 0.0
        # Counted back from the target: rounding never carries the control past it, and without
        # smoothing it is exactly what was asked for.
        wanted = target - remaining * (target - current)
        return min(max(wanted, current - self.fall_per_s * dt_s), current + self.rise_per_s * dt_s)


@dataclasses.dataclass(frozen=True, slots=True)
class SmoothingConfig:
    """Smoothing of every control."""

    name: str = "custom"
    steer: AxisSmoothing = AxisSmoothing()
    throttle: AxisSmoothing = AxisSmoothing()
    brake: AxisSmoothing = AxisSmoothing()
    clutch: AxisSmoothing = AxisSmoothing()


PRESETS = {
    config.name: config
    for config in (
        SmoothingConfig(name="none"),
        SmoothingConfig(
            name="conservative",
            steer=AxisSmoothing(2.0, 2.0, 0.12),
            throttle=AxisSmoothing(1.5, 6.0, 0.15),
            brake=AxisSmoothing(4.0, 6.0, 0.08),
        ),
        SmoothingConfig(
            name="moderate",
            steer=AxisSmoothing(4.0, 4.0, 0.06),
            throttle=AxisSmoothing(3.0, 10.0, 0.08),
            brake=AxisSmoothing(8.0, 10.0, 0.04),
        ),
        SmoothingConfig(
            name="aggressive",
            steer=AxisSmoothing(8.0, 8.0, 0.02),
            throttle=AxisSmoothing(8.0, 20.0, 0.02),
            brake=AxisSmoothing(15.0, 20.0, 0.01),
        ),
    )
}
"""The named configurations, from none to slow hands. ``moderate`` is the default everywhere."""

DEFAULT_PRESET = "moderate"


def smoothing_named(name: str) -> SmoothingConfig:
    """Return a preset.

    Raises:
        SettingError: there is none of that name.
    """
    return choose(PRESETS, name, setting="smoothing")


class ActionSmoother:
    """Where the smoothed controls are now."""

    def __init__(self, config: SmoothingConfig) -> None:
        self.config = config
        self.current = NEUTRAL

    def follow(self, target: Controls, dt_s: float) -> Controls:
        """Return the controls ``dt_s`` seconds on. Buttons follow at once."""
        now, config = self.current, self.config
        self.current = Controls(
            steer=config.steer.follow(now.steer, target.steer, dt_s),
            throttle=config.throttle.follow(now.throttle, target.throttle, dt_s),
            brake=config.brake.follow(now.brake, target.brake, dt_s),
            clutch=config.clutch.follow(now.clutch, target.clutch, dt_s),
            buttons=target.buttons,
        )
        return self.current

    def jump(self, controls: Controls) -> None:
        """Be at ``controls`` at once, as after a reset."""
        self.current = controls
