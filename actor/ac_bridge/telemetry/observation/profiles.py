"""The profiles, and observations that a learner puts together."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ac_bridge.telemetry.observation.car import CAR
from ac_bridge.telemetry.observation.feature import Look, Numbers
from ac_bridge.telemetry.observation.plan import ObservationPlan, Part
from ac_bridge.telemetry.observation.road import ROAD
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.helpers import choose
from ac_bridge_protocol.limits import ELEMENTS_ASKED, ROAD_ELEMENTS_ASKED, ROAD_FEATURES_ASKED
from ac_bridge_protocol.observing import FeatureLike, FeatureWish, ObservationWish, features_wished
from ac_bridge_protocol.spec import EnvSpec, FeatureSpec

CUSTOM = "custom"
"""What an observation is called that a learner put together."""

FEATURES = {feature.name: feature for feature in (*CAR, *ROAD)}
"""Every feature by its name."""


def _bridge15(look: Look) -> Numbers:
    f = look.frame
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


def _number(name: str, unit: str, scale: float, low: float, high: float) -> FeatureSpec:
    return FeatureSpec(name=name, unit=unit, scale=scale, low=low, high=high)


BRIDGE15 = ObservationPlan(
    "bridge15",
    (
        Part(
            (
                _number("speed", "km/h", 300.0, 0.0, 2.0),
                _number("velocity_x", "m/s", 100.0, -2.0, 2.0),
                _number("velocity_y", "m/s", 100.0, -2.0, 2.0),
                _number("velocity_z", "m/s", 100.0, -2.0, 2.0),
                _number("throttle", "", 1.0, 0.0, 1.0),
                _number("brake", "", 1.0, 0.0, 1.0),
                _number("steer_angle", "", 1.0, -1.0, 1.0),
                _number("rpm", "rev/min", 10_000.0, -0.1, 2.0),
                _number("gear", "", 6.0, 0.0, 2.0),
                _number("acc_lateral", "g", 3.0, -3.0, 3.0),
                _number("acc_vertical", "g", 3.0, -3.0, 3.0),
                _number("acc_longitudinal", "g", 3.0, -3.0, 3.0),
                _number("mean_wheel_slip", "", 2.0, 0.0, 5.0),
                _number("tyres_out", "", 4.0, 0.0, 1.0),
                _number("any_damage", "", 1.0, 0.0, 1.0),
            ),
            _bridge15,
        ),
    ),
)
"""The fifteen numbers of the first ac-bridge, bounded. Accelerations in the page's order."""


def plan_of(name: str, wishes: Iterable[FeatureWish]) -> ObservationPlan:
    """Return the plan of a list of features.

    Raises:
        SettingError: a feature or an option that there is not, an option out of its range, or more
            than an actor computes.
    """
    made: dict[tuple[str, tuple[float, ...]], Callable[[Look], Numbers]] = {}
    taken: set[str] = set()
    parts, on_shape = [], {}
    for wish in wishes:
        feature = choose(FEATURES, wish.name, setting="feature")
        options = feature.read({option.name: option.value for option in wish.options})
        key = feature.name, tuple(options.values())
        if key not in made:
            made[key] = feature.make(options)
        spec = _told_apart(feature.spec(options, wish.ticks_ago), taken)
        if feature.shape:
            on_shape[key] = spec.size
        parts.append(Part((spec,), made[key], wish.ticks_ago, feature.needs_road))
    _check_size(sum(part.features[0].size for part in parts), list(on_shape.values()))
    return ObservationPlan(name, tuple(parts))


def _told_apart(spec: FeatureSpec, taken: set[str]) -> FeatureSpec:
    """Return a feature whose elements have names that are not taken yet."""
    names = []
    for name in spec.elements:
        unlike, number = name, 1
        while unlike in taken:
            number += 1
            unlike = f"{name}#{number}"
        taken.add(unlike)
        names.append(unlike)
    return spec.model_copy(update={"elements": tuple(names)})


def _check_size(elements: int, on_shape: list[int]) -> None:
    for what, found, most in (
        ("elements", elements, ELEMENTS_ASKED),
        ("elements that follow from the track's shape", sum(on_shape), ROAD_ELEMENTS_ASKED),
        ("features that follow from the track's shape", len(on_shape), ROAD_FEATURES_ASKED),
    ):
        if found > most:
            raise SettingError(
                f"An observation has at most {most} {what}, not {found}.", setting="observation"
            )


def _racing() -> Iterable[FeatureLike]:
    moving: tuple[FeatureLike, ...] = (
        "speed", "local_velocity", "yaw_rate", "acceleration", "slip_angle", "wheel_slip", "rpm",
        "gear", "steer", "pedals", "line_offset", "heading_error",
    )  # fmt: skip
    yield from moving
    yield {"name": "curvature_ahead", "n": 12, "spacing_m": 25.0}
    yield {"name": "path_ahead", "n": 8, "spacing_m": 12.5}
    yield {"name": "border_rays", "n": 11, "range_m": 100.0, "spread_deg": 180.0}
    yield from ("edges", "wheels_off", "force_feedback", "lap_progress", "surface_grip", "damage")
    yield "line_curvature"
    yield "wheel_load"
    for ticks_ago in (1, 2, 3):
        for name in moving[:5] + moving[-2:]:
            yield {"name": name, "ticks_ago": ticks_ago}
    for ticks_ago in range(4):
        yield {"name": "sent", "ticks_ago": ticks_ago}


RACING = plan_of("racing", features_wished(list(_racing())))
"""125 numbers: the car, its place on the road, the road ahead and around, and what was before."""

PROFILES = {plan.name: plan for plan in (BRIDGE15, RACING)}
"""Every profile by its name."""


def profile_named(name: str) -> ObservationPlan:
    """Return a profile.

    Raises:
        SettingError: there is none of that name.
    """
    return choose(PROFILES, name, setting="observation")


def planned(wish: ObservationWish) -> ObservationPlan:
    """Return the plan of what a learner asks for.

    Raises:
        SettingError: it cannot be computed; names the profile, feature or option.
    """
    return profile_named(wish) if isinstance(wish, str) else plan_of(CUSTOM, wish)


def plan_of_spec(spec: EnvSpec) -> ObservationPlan:
    """Return the plan of what a spec describes, to compute the same from frames.

    Raises:
        SettingError: this version computes something else under these names.
    """
    if spec.observation_profile in PROFILES:
        plan = PROFILES[spec.observation_profile]
    else:
        wishes = [
            FeatureWish(name=f.name, options=f.options, ticks_ago=f.ticks_ago)
            for f in spec.observation
        ]
        plan = plan_of(spec.observation_profile, wishes)
    if plan.features != spec.observation:
        raise SettingError(
            f"The observation {spec.observation_profile!r} is not made as it was then.",
            setting="observation",
            hint="Use the version of ac-bridge that it was made with.",
        )
    return plan
