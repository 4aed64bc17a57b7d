"""The virtual wheel and the game's way of reading it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.game import NEUTRAL, Controls
from ac_bridge.standin.wheel import (
    AXIS_CENTRE,
    AXIS_MAX,
    AXIS_MIN,
    DEAD_ZONE,
    DEVICE,
    InputSettings,
    StandinWheel,
    WheelInput,
    pack_controls,
)
from ac_bridge_protocol.errors import WheelError

PEDAL = st.floats(0, 1)
TOUCHED = Controls(steer=0.5, throttle=0.5, brake=0.5, clutch=0.5)


def moved(settings: InputSettings | None = None) -> WheelInput:
    """Return an input whose axes have all moved once."""
    device = WheelInput(pack_controls(NEUTRAL), settings or InputSettings())
    device.poll(pack_controls(TOUCHED), 0.0)
    return device


def test_the_device_has_the_ranges_of_vjoy() -> None:
    """Axes run from 1 to 32768 and buttons are bits, numbered from 1."""
    assert DEVICE.unpack(pack_controls(NEUTRAL)) == (AXIS_CENTRE, AXIS_MIN, AXIS_MIN, AXIS_MIN, 0)
    extremes = Controls(steer=1, throttle=1, brake=1, clutch=1, buttons=frozenset({1, 9, 32}))
    assert DEVICE.unpack(pack_controls(extremes)) == (*[AXIS_MAX] * 4, 1 | 1 << 8 | 1 << 31)
    assert DEVICE.unpack(pack_controls(Controls(steer=-1)))[0] == AXIS_MIN


@given(steer=st.floats(-1, 1), throttle=PEDAL, brake=PEDAL, clutch=PEDAL)
def test_controls_arrive_as_exactly_as_the_device_allows(
    steer: float, throttle: float, brake: float, clutch: float
) -> None:
    """Within half a count, and pedals less their dead zone."""
    wheel = moved()
    wheel.poll(pack_controls(Controls(steer, throttle, brake, clutch)), 0.0)
    assert wheel.steer == pytest.approx(steer, abs=0.51 / 16383)
    for felt, sent in ((wheel.throttle, throttle), (wheel.brake, brake), (wheel.clutch, clutch)):
        assert felt == pytest.approx(max(sent - DEAD_ZONE, 0) / (1 - DEAD_ZONE), abs=0.6 / 32767)


def test_neutral_is_exactly_neutral() -> None:
    """A straight wheel and released pedals are zero, not nearly zero."""
    wheel = moved()
    wheel.poll(pack_controls(NEUTRAL), 0.0)
    assert (wheel.steer, wheel.throttle, wheel.brake, wheel.clutch) == (0.0, 0.0, 0.0, 0.0)


def test_an_axis_reads_zero_until_it_has_moved() -> None:
    """A pedal that is down at launch is not seen; touching it shows it. Each axis for itself."""
    held = Controls(steer=0.5, throttle=1.0, brake=0.7)
    wheel = WheelInput(pack_controls(held))
    wheel.poll(pack_controls(held), 0.0)
    assert (wheel.steer, wheel.throttle, wheel.brake) == (0.0, 0.0, 0.0)
    wheel.poll(pack_controls(Controls(steer=0.5, throttle=0.9, brake=0.7)), 0.0)
    assert wheel.throttle > 0.85
    assert (wheel.steer, wheel.brake) == (0.0, 0.0)
    wheel.poll(pack_controls(held), 0.0)
    assert wheel.throttle == 1.0


def test_a_button_is_pressed_once() -> None:
    """Held down it stays down, but it went down only once."""
    wheel = WheelInput(pack_controls(NEUTRAL))
    down = pack_controls(Controls(buttons=frozenset({2})))
    wheel.poll(down, 0.0)
    assert (wheel.buttons, wheel.pressed) == (2, 2)
    wheel.poll(down, 0.0)
    assert (wheel.buttons, wheel.pressed) == (2, 0)


def test_a_button_held_at_launch_was_not_pressed() -> None:
    """Only a release and a new press count."""
    down = pack_controls(Controls(buttons=frozenset({9})))
    wheel = WheelInput(down)
    wheel.poll(down, 0.0)
    assert wheel.pressed == 0


def test_the_settings_shape_the_axes() -> None:
    """Brake and steering gamma, scale and speed sensitivity work as in controls.ini."""
    wheel = moved(InputSettings(brake_gamma=2.4, steer_gamma=2.0, steer_scale=0.8))
    wheel.poll(pack_controls(Controls(steer=-0.5, brake=0.51)), 0.0)
    assert wheel.brake == pytest.approx(0.5**2.4, abs=1e-4)
    assert wheel.steer == pytest.approx(-(0.4**2), abs=1e-4)
    wheel = moved(InputSettings(speed_sensitivity=0.01))
    wheel.poll(pack_controls(Controls(steer=0.5)), 100.0)
    assert wheel.steer == pytest.approx(0.25, abs=1e-4)


def test_the_steering_filter_follows_slowly() -> None:
    """A filter of 0.9 leaves a tenth of the way for each poll."""
    wheel = WheelInput(pack_controls(NEUTRAL), InputSettings(steer_filter=0.9))
    wheel.poll(pack_controls(Controls(steer=1.0)), 0.0)
    assert wheel.steer == pytest.approx(0.1)
    wheel.poll(pack_controls(Controls(steer=1.0)), 0.0)
    assert wheel.steer == pytest.approx(0.19)


def test_a_closed_wheel_was_left_neutral_and_takes_nothing() -> None:
    """Closing releases everything, once; a closed wheel refuses."""
    seen: list[bytes] = []
    wheel = StandinWheel(seen.append)
    wheel.apply(TOUCHED)
    wheel.close()
    wheel.close()
    assert seen == [pack_controls(TOUCHED), pack_controls(NEUTRAL)]
    with pytest.raises(WheelError, match="closed"):
        wheel.apply(NEUTRAL)


@pytest.mark.parametrize(
    "controls",
    [
        Controls(buttons=frozenset({0})),
        Controls(buttons=frozenset({33})),
        Controls(steer=float("nan")),
    ],
)
def test_what_the_device_cannot_show_is_refused(controls: Controls) -> None:
    """A button that does not exist or an axis that is no number is an error, not a guess."""
    with pytest.raises(WheelError):
        StandinWheel(lambda _: None).apply(controls)
