"""The late-action policy: hold, then ease to neutral with the brake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.control.late import Lapse, LatePolicy, eased
from ac_bridge.game import NEUTRAL, Controls

DT = 0.1
DRIVEN = Controls(steer=0.6, throttle=0.9, clutch=0.3)
SHARES = st.floats(0.0, 1.0)
WHEELS = st.builds(
    Controls, steer=st.floats(-1.0, 1.0), throttle=SHARES, brake=SHARES, clutch=SHARES
)


def test_it_holds_for_as_many_ticks_as_were_set() -> None:
    """Then it begins to ease; an action ends it."""
    lapse = Lapse(LatePolicy(hold_ticks=2))
    for ticks in range(2):
        lapse.ticks = ticks
        assert lapse.wheel(DRIVEN, ticks * DT, DT, 1.0) is None
        assert not lapse.easing
    lapse.ticks = 2
    assert lapse.wheel(DRIVEN, 2 * DT, DT, 1.0) is not None
    assert lapse.easing
    lapse.end()
    assert not lapse.easing
    assert lapse.wheel(DRIVEN, 3 * DT, DT, 1.0) is None


def test_it_eases_along_a_straight_line() -> None:
    """From the tick before the first one eased to the dead-man's time, in equal parts."""
    lapse = Lapse(LatePolicy(hold_ticks=0, brake=0.4))
    wheels = [lapse.wheel(DRIVEN, tick * DT, DT, 3 * DT) for tick in range(4)]
    shares = [wheel.throttle / DRIVEN.throttle for wheel in wheels if wheel is not None]
    assert shares == pytest.approx([0.75, 0.5, 0.25, 0.0])
    assert [w.brake for w in wheels if w is not None] == pytest.approx([0.2, 0.4, 0.2, 0.0])
    assert wheels[-1] == NEUTRAL


def test_the_ramp_does_not_turn_back() -> None:
    """Neither a later end nor a wheel that moved changes one that has begun."""
    lapse = Lapse(LatePolicy(hold_ticks=0))
    lapse.wheel(DRIVEN, 0.0, DT, 0.3)
    wheel = lapse.wheel(Controls(throttle=1.0), 0.1, DT, 99.0)
    assert wheel is not None
    assert wheel.throttle == pytest.approx(0.5 * DRIVEN.throttle)


def test_without_time_left_it_is_neutral_at_once() -> None:
    """The dead-man's time may have come already."""
    lapse = Lapse(LatePolicy(hold_ticks=0))
    assert lapse.wheel(DRIVEN, 5.0, DT, 4.9) is NEUTRAL


def test_a_driver_that_braked_harder_goes_on_braking() -> None:
    """The policy's brake never takes any away."""
    assert eased(Controls(brake=1.0), 0.5, 0.3).brake == pytest.approx(0.5)
    assert eased(Controls(brake=1.0), 0.9, 0.3).brake == pytest.approx(0.1)


@given(wheel=WHEELS, brake=SHARES, shares=st.lists(st.floats(0.0, 1.5), min_size=2))
def test_nothing_but_the_brake_ever_rises(
    wheel: Controls, brake: float, shares: list[float]
) -> None:
    """Throttle, clutch and steering go to neutral and stay; every value is one a wheel can take."""
    before = wheel
    for done in sorted(shares):
        now = eased(wheel, done, brake)
        assert now.throttle <= before.throttle
        assert now.clutch <= before.clutch
        assert abs(now.steer) <= abs(before.steer)
        assert now.steer * wheel.steer >= 0
        assert 0.0 <= now.brake <= max(wheel.brake, brake)
        if done >= 1.0:
            assert now == NEUTRAL
        before = now
