"""Frame to observation: named profiles of numbers with units, scales and bounds. Pure."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.helpers import choose
from ac_bridge_protocol.spec import FeatureSpec


@dataclasses.dataclass(frozen=True)
class ObservationProfile:
    """A named list of features and how to compute them."""

    name: str
    features: tuple[FeatureSpec, ...]
    raw: Callable[[TelemetryFrame], tuple[float, ...]]
    """The elements before clipping, already scaled."""

    def observe(self, frame: TelemetryFrame) -> tuple[float, ...]:
        """Return the observation of ``frame``, each element clipped to its declared bounds."""
        # Mapped over the built-in functions, which costs a third of a comprehension.
        return tuple(map(min, self._highs, map(max, self._lows, self.raw(frame))))

    @functools.cached_property
    def _lows(self) -> tuple[float, ...]:
        return tuple(f.low for f in self.features for _ in range(f.size))

    @functools.cached_property
    def _highs(self) -> tuple[float, ...]:
        return tuple(f.high for f in self.features for _ in range(f.size))


def _bridge15(f: TelemetryFrame) -> tuple[float, ...]:
    return (
        f.speed_kmh / 300.0,
        f.velocity[0] / 100.0,
        f.velocity[1] / 100.0,
        f.velocity[2] / 100.0,
        f.throttle,
        f.brake,
        f.steer_angle,
        f.rpm / 10_000.0,
        f.gear / 6.0,
        f.acc_g[0] / 3.0,
        f.acc_g[1] / 3.0,
        f.acc_g[2] / 3.0,
        f.avg_wheel_slip / 2.0,
        f.tyres_out / 4.0,
        1.0 if max(f.car_damage) > 0.0 else 0.0,
    )


def _feature(name: str, unit: str, scale: float, low: float, high: float) -> FeatureSpec:
    return FeatureSpec(name=name, unit=unit, scale=scale, low=low, high=high)


BRIDGE15 = ObservationProfile(
    "bridge15",
    (
        _feature("speed", "km/h", 300.0, 0.0, 2.0),
        _feature("velocity_x", "m/s", 100.0, -2.0, 2.0),
        _feature("velocity_y", "m/s", 100.0, -2.0, 2.0),
        _feature("velocity_z", "m/s", 100.0, -2.0, 2.0),
        _feature("throttle", "", 1.0, 0.0, 1.0),
        _feature("brake", "", 1.0, 0.0, 1.0),
        _feature("steer_angle", "", 1.0, -1.0, 1.0),
        _feature("rpm", "rev/min", 10_000.0, -0.1, 2.0),
        _feature("gear", "", 6.0, 0.0, 2.0),
        _feature("acc_lateral", "g", 3.0, -3.0, 3.0),
        _feature("acc_vertical", "g", 3.0, -3.0, 3.0),
        _feature("acc_longitudinal", "g", 3.0, -3.0, 3.0),
        _feature("mean_wheel_slip", "", 2.0, 0.0, 5.0),
        _feature("tyres_out", "", 4.0, 0.0, 1.0),
        _feature("any_damage", "", 1.0, 0.0, 1.0),
    ),
    _bridge15,
)
"""The fifteen numbers of the first ac-bridge, bounded. Accelerations in the page's order."""

PROFILES = {profile.name: profile for profile in (BRIDGE15,)}
"""Every profile by its name."""


def profile_named(name: str) -> ObservationProfile:
    """Return a profile.

    Raises:
        SettingError: there is none of that name.
    """
    return choose(PROFILES, name, setting="observation")
