"""Frame to observation: features with units, scales and bounds, put together in named profiles."""

from ac_bridge.telemetry.observation.feature import Look
from ac_bridge.telemetry.observation.plan import ObservationPlan, Observer, Part
from ac_bridge.telemetry.observation.profiles import (
    BRIDGE15,
    CUSTOM,
    FEATURES,
    PROFILES,
    RACING,
    plan_of_spec,
    planned,
    profile_named,
)

__all__ = [
    "BRIDGE15",
    "CUSTOM",
    "FEATURES",
    "PROFILES",
    "RACING",
    "Look",
    "ObservationPlan",
    "Observer",
    "Part",
    "plan_of_spec",
    "planned",
    "profile_named",
]
