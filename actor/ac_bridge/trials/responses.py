"""What an axis did, judged by what the game reported back. Pure.

The game shapes its axes in a known order: a scale, a power, a division by speed, a low-pass; and
each pedal has a dead zone. Each of these bends what comes back in its own way, so that a few
levels of an axis tell which setting to look at. The names of the settings come from public notes
on the game and are unverified.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Sequence
from typing import NamedTuple

from ac_bridge_protocol.frame import TelemetryFrame

DEAD_ZONE = 0.02
"""The game ignores this much of each pedal's travel, whatever its settings (unverified)."""
NOTICED = 0.05
"""A field that moves by less than this has not answered."""
LINEAR_WITHIN = 0.03
"""How far from a straight line an axis may be."""
POWER_WITHIN = 0.15
"""How far from one power the levels of an axis may be to be called that power."""
FULL = 0.97
"""A field beyond this is at its end."""


class Seen(NamedTuple):
    """The four controls as the game took them."""

    steer: float
    throttle: float
    brake: float
    clutch: float
    """Of the pedal: 1 with the clutch open, by whichever foot."""


def seen_in(frame: TelemetryFrame) -> Seen:
    """Return the controls that a frame reports."""
    return Seen(frame.steer_angle, frame.throttle, frame.brake, 1.0 - frame.clutch)


class Verdict(enum.StrEnum):
    """What came of trying one axis or button."""

    OK = "ok"
    NOTHING = "nothing came back"
    WRONG = "wrong axis"
    """Something else moved, instead or as well; a button: the gear went the other way."""
    INVERTED = "inverted"
    RESTS = "does not rest"
    """A pedal that is pressed though nobody presses it."""
    EARLY = "at its end early"
    SHORT = "falls short"
    CURVE = "not linear"
    UNSEEN = "not seen"
    """It moved, and the game would not show whether it noticed."""

    @property
    def failed(self) -> bool:
        """Whether something must be set right."""
        return self not in (Verdict.OK, Verdict.UNSEEN)


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """What was tried, and what came of it."""

    control: str
    """Such as ``steer``, or ``shift up``."""
    verdict: Verdict
    said: str
    """The verdict in words."""
    hint: str = ""
    """What to do about it."""
    sent: tuple[float, ...] = ()
    """The positions of an axis; empty for a button."""
    seen: tuple[float, ...] = ()
    """The field at each of the positions; empty if nothing could be seen."""
    button: int | None = None
    """The number of a button, from 1; None for an axis."""


SETUP_HINT = (
    "Is it bound to the virtual wheel? `ac-bridge setup` writes a preset that binds it; load it in "
    "the game's control settings."
)
_SHAPING = {
    "steer": "[STEER] STEER_GAMMA=1, SPEED_SENSITIVITY=0 and STEER_FILTER=0",
    "brake": "[BRAKES] GAMMA=1",
}
"""What makes an axis linear, in the game's controls.ini."""
_END_HINTS = {
    "steer": "Set [STEER] SCALE=1, and LOCK to at most twice the car's own lock, in controls.ini.",
} | {
    axis: f"Calibrate the {axis} in the game so that it uses its axis from end to end."
    for axis in ("throttle", "brake", "clutch")
}
"""What makes an axis end where the device does."""


def judge_axis(axis: str, sent: Sequence[float], seen: Sequence[Seen], rest: Seen) -> Response:
    """Say what an axis did.

    Args:
        axis: a field of `Seen`.
        sent: its positions in order, the last one an end.
        seen: what the game reported at each.
        rest: what it reported before.
    """
    own = tuple(round(float(getattr(one, axis)), 4) for one in seen)
    verdict, said, hint = _verdict(axis, sent, own, seen, rest)
    return Response(axis, verdict, said, hint, sent=tuple(sent), seen=own)


def _verdict(
    axis: str, sent: Sequence[float], own: Sequence[float], seen: Sequence[Seen], rest: Seen
) -> tuple[Verdict, str, str]:
    at_rest = float(getattr(rest, axis))
    others = _others_moved(axis, seen, rest)
    if max(abs(value - at_rest) for value in own) < NOTICED:
        if others:
            return Verdict.WRONG, f"{others} moved instead", _rebind_hint(axis)
        if axis == "clutch" and at_rest > FULL:
            return Verdict.UNSEEN, "the automatic clutch is open while the car stands", ""
        return Verdict.NOTHING, f"the game reports {at_rest:.2f} throughout", SETUP_HINT
    if others:
        return Verdict.WRONG, f"{others} moved as well", _rebind_hint(axis)
    return _shape(axis, sent, own, at_rest)


def _shape(
    axis: str, sent: Sequence[float], own: Sequence[float], at_rest: float
) -> tuple[Verdict, str, str]:
    """Judge an axis that answers, and answers alone."""
    wanted = [linear(axis, position) for position in sent]
    if sum((value - at_rest) * position for value, position in zip(own, sent, strict=True)) < 0:
        return Verdict.INVERTED, "it moves the wrong way round", f"Turn {axis} round in the game."
    if axis != "steer" and at_rest > NOTICED:
        return Verdict.RESTS, f"released, the game reads {at_rest:.2f}", _END_HINTS[axis]
    if max(abs(value - want) for value, want in zip(own, wanted, strict=True)) <= LINEAR_WITHIN:
        return Verdict.OK, "linear" if axis == "steer" else "linear beyond the dead zone", ""
    early = [p for p, value in zip(sent, own, strict=True) if abs(value) > FULL > abs(p)]
    if early:
        return Verdict.EARLY, f"at its end at {min(early, key=abs):g} already", _END_HINTS[axis]
    power = _power(wanted, own)
    if power is not None:
        return Verdict.CURVE, f"like x ** {power:.2g}", _shaping_hint(axis)
    if abs(own[-1]) < FULL:
        return Verdict.SHORT, f"ends at {own[-1]:.2f}", _END_HINTS[axis]
    return Verdict.CURVE, "neither a line nor a power", _shaping_hint(axis)


def linear(axis: str, position: float) -> float:
    """Return what a game without shaping reports for a position of an axis."""
    if axis == "steer":
        return position
    return max(0.0, (position - DEAD_ZONE) / (1.0 - DEAD_ZONE))


def _power(wanted: Sequence[float], own: Sequence[float]) -> float | None:
    """Return the power of ``wanted`` that ``own`` is, None if it is none."""
    inner = [
        math.log(abs(value)) / math.log(abs(want))
        for want, value in zip(wanted, own, strict=True)
        if 0.0 < abs(want) < FULL and 0.0 < abs(value) < 1.0
    ]
    if not inner or abs(own[-1]) < FULL or max(inner) - min(inner) > POWER_WITHIN:
        return None
    return sum(inner) / len(inner)


def _others_moved(axis: str, seen: Sequence[Seen], rest: Seen) -> str:
    """Return the names of the other controls that moved."""
    # The automatic clutch follows the engine, so it says nothing about a throttle.
    ignored = {axis, "clutch"} if axis == "throttle" else {axis}
    moved = [
        name
        for name in Seen._fields
        if name not in ignored
        and max(abs(getattr(one, name) - getattr(rest, name)) for one in seen) >= NOTICED
    ]
    return " and ".join(moved)


def _rebind_hint(axis: str) -> str:
    return (
        f"Bind {axis} to its own axis of the virtual wheel, and switch combined pedals off: "
        "`ac-bridge setup` writes a preset that does."
    )


def _shaping_hint(axis: str) -> str:
    shaping = _SHAPING.get(axis)
    if shaping is None:
        return "Look for a curve in the device's or the game's control settings."
    return f"Set {shaping} in controls.ini; `ac-bridge setup` writes a preset that does."
