"""The circuits that the stand-in game can be played on."""

from __future__ import annotations

import re

from ac_bridge.standin.circuit import Circuit, Placement, close_up, left, right, straight
from ac_bridge.standin.made import made_circuit
from ac_bridge_protocol.errors import SettingError

DEFAULT = "standin_ring"
_MADE = re.compile(r"made_(0|[1-9][0-9]{0,3})")


def circuit_named(name: str) -> Circuit:
    """Return a circuit: ``standin_ring``, or ``made_0`` to ``made_9999``, drawn from the number.

    Raises:
        SettingError: there is none of that name.
    """
    if name == DEFAULT:
        return default_circuit()
    if (made := _MADE.fullmatch(name)) is None:
        raise SettingError(
            f"The stand-in has no track {name!r:.80}.",
            setting="track",
            hint=f"It has {DEFAULT}, and as many as one likes called made_1, made_2 ...",
        )
    return made_circuit(int(made[1]))


def default_circuit() -> Circuit:
    """Return a 2.0 km clockwise circuit with a bit of everything.

    From the line: the long straight, a fast-in medium right, a sweeping left, a hairpin of 18 m
    radius, a flat-out left, a chicane, a tightening right, the back straight, and a fast long
    right on to the long straight. The line lies 200 m after the last corner.
    """
    segments = [
        straight(250),
        right(50, 100),
        straight(160),
        left(70, 70),
        straight(90),
        right(18, 170),
        straight(260),
        left(120, 50),
        straight(90),
        left(32, 45),
        straight(12),
        right(32, 45),
        straight(60),
        right(35, 100),
        straight(290),
        right(90, 110),
        straight(200),
    ]
    # The line lies away from the origin and at an angle: mistaken axes must show.
    start = Placement(-140.0, 60.0, 0.6)
    return Circuit(close_up(segments, 0, 14), name=DEFAULT, start=start)
