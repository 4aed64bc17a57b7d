"""What differs from drive to drive."""

import numpy as np
import pytest

from ac_bridge.standin.conditions import BUMP_SPACING_M, BUMPS, draw_conditions


def test_conditions_are_within_their_ranges() -> None:
    """Every draw is a plausible day."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        drawn = draw_conditions(rng)
        assert 0.96 <= drawn.grip <= 1.0
        assert 18 <= drawn.air_temp_c < drawn.road_temp_c <= 40
        assert 0 <= drawn.wind_kmh <= 15
        assert 0 <= drawn.wind_deg < 360
        assert abs(drawn.start_lateral_m) <= 0.05
        assert max(map(abs, drawn.bumps_m)) < 0.005


def test_a_seed_repeats_and_goes_on() -> None:
    """The same generator state draws the same day; the next draw is another one."""
    first, again = np.random.default_rng(4), np.random.default_rng(4)
    one = draw_conditions(first)
    assert one == draw_conditions(again)
    assert one != draw_conditions(first)


def test_bumps_are_joined_by_straight_lines() -> None:
    """The road is continuous, also where it repeats and behind the start."""
    road = draw_conditions(np.random.default_rng(0))
    assert road.bump(0.0) == road.bumps_m[0]
    assert road.bump(BUMP_SPACING_M / 2) == pytest.approx(sum(road.bumps_m[:2]) / 2)
    assert road.bump(BUMPS * BUMP_SPACING_M) == pytest.approx(road.bumps_m[0])
    assert road.bump(-0.1) == pytest.approx(road.bump(BUMPS * BUMP_SPACING_M - 0.1), abs=1e-9)
