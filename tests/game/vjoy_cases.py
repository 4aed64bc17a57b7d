"""What the vJoy wheel keeps, over any driver: the fake one here, the stub's DLL under Windows."""

from __future__ import annotations

import pytest

from ac_bridge.game import NEUTRAL, Controls, ControlSink, Inheritance
from ac_bridge.game.axes import AxisRange, DeviceShape, DeviceState
from ac_bridge.game.vjoy import VJoyWheel
from ac_bridge.game.vjoy_driver import DeviceStatus, load_driver
from ac_bridge_protocol.errors import WheelError
from game.contract import DRIVING, DeviceContract
from helpers.vjoy_stub import VJoyStub

FULL = Controls(1.0, 1.0, 1.0, 1.0)
RELEASED_HAT = 0xFFFFFFFF


def range_of(stub: VJoyStub) -> AxisRange:
    """Return the range of the stub's axes; both ends at zero stand for the usual one."""
    if stub.axis_min == stub.axis_max == 0:
        return AxisRange(1, 32768)
    return AxisRange(stub.axis_min, stub.axis_max)


class VJoyCases(DeviceContract):
    """Subclass it with a fixture that sets ``stub`` to the state of a fresh driver."""

    stub: VJoyStub

    def make(self) -> ControlSink:
        return VJoyWheel()

    def shown(self) -> Controls:
        axis = range_of(self.stub)
        now = self.stub.position
        return DeviceShape("stub", axis, axis, axis, axis, self.buttons).controls_for(
            DeviceState(now.wAxisX, now.wAxisY, now.wAxisZ, now.wAxisZRot, now.lButtons)
        )

    def updates(self) -> int:
        return int(self.stub.updates)

    def test_axes_run_as_the_driver_says(self) -> None:
        """Another range than the usual is used to its ends and has its own centre."""
        self.stub.axis_min, self.stub.axis_max = 0, 32767
        wheel = VJoyWheel()
        now = self.stub.position
        assert (now.wAxisX, now.wAxisY, now.wAxisZ, now.wAxisZRot) == (16383, 0, 0, 0)
        wheel.apply(FULL)
        assert (now.wAxisX, now.wAxisY, now.wAxisZ, now.wAxisZRot) == (32767,) * 4
        wheel.apply(Controls(steer=-1.0))
        assert now.wAxisX == 0
        wheel.close()

    def test_the_centre_is_that_of_vjoy(self) -> None:
        """With the documented range 1 to 32768 a straight wheel is 16384."""
        wheel = VJoyWheel()
        assert self.stub.position.wAxisX == 16384
        wheel.close()

    def test_hats_are_released(self) -> None:
        """None of the four points upwards, which is what zero would say."""
        wheel = VJoyWheel()
        now = self.stub.position
        assert [now.bHats, now.bHatsEx1, now.bHatsEx2, now.bHatsEx3] == [RELEASED_HAT] * 4
        wheel.close()

    def test_whole_reports_only(self) -> None:
        """No axis or button is ever set alone."""
        wheel = VJoyWheel()
        wheel.apply(DRIVING)
        wheel.close()
        assert self.stub.single_changes == 0

    def test_it_says_how_it_can_be_taken(self) -> None:
        """By its number, once nobody holds it."""
        wheel = VJoyWheel()
        assert wheel.inheritance() == Inheritance("vjoy", "1")
        wheel.close()

    def test_the_device_is_held_until_the_end(self) -> None:
        """Making acquires it, closing lets go of it, each once."""
        wheel = VJoyWheel()
        assert load_driver().status_of(1) is DeviceStatus.OWN
        wheel.close()
        wheel.close()
        assert (self.stub.acquired, self.stub.relinquished) == (1, 1)
        assert load_driver().status_of(1) is DeviceStatus.FREE

    def test_a_device_that_was_taken_away_is_taken_back(self) -> None:
        """One lost update is sent again; the driver sees the state that was wanted."""
        wheel = VJoyWheel()
        self.stub.updates_to_lose = 1
        wheel.apply(DRIVING)
        assert self.close_to(DRIVING)
        assert wheel.taken_back == 1
        wheel.close()
        assert self.close_to(NEUTRAL)

    def test_taken_away_twice_at_once_is_an_error(self) -> None:
        """It is taken back once for a state; the next state tries again."""
        wheel = VJoyWheel()
        self.stub.updates_to_lose = 2
        with pytest.raises(WheelError, match=r"device 1 refuses every update.*ac-bridge doctor"):
            wheel.apply(DRIVING)
        wheel.apply(DRIVING)
        assert self.close_to(DRIVING)
        wheel.close()

    def test_a_device_that_another_program_took_is_an_error(self) -> None:
        """It is not fought over, and said who has it; once free again, it is taken back."""
        wheel = VJoyWheel()
        self.stub.busy = 1
        with pytest.raises(WheelError, match=r"device 1 was taken by another program.*Close that"):
            wheel.apply(DRIVING)
        self.stub.busy, self.stub.owner = 0, 0
        wheel.apply(DRIVING)
        assert self.close_to(DRIVING)
        wheel.close()

    def test_a_device_that_vanished_is_an_error(self) -> None:
        """The error says in which state the driver has it."""
        wheel = VJoyWheel()
        self.stub.missing = 1
        with pytest.raises(
            WheelError, match=r"cannot be acquired \(status MISSING.*Configure vJoy"
        ):
            wheel.apply(DRIVING)
        self.stub.missing = 0
        wheel.close()

    def test_closing_lets_go_even_if_neutral_fails(self) -> None:
        """That it failed is said, once; the wheel is closed all the same."""
        wheel = VJoyWheel()
        self.stub.updates_to_lose = 2
        with pytest.raises(WheelError, match="refuses"):
            wheel.close()
        wheel.close()
        assert load_driver().status_of(1) is DeviceStatus.FREE

    def test_making_lets_go_if_neutral_fails(self) -> None:
        """No half-made wheel holds the device."""
        self.stub.updates_to_lose = 2
        with pytest.raises(WheelError, match="refuses"):
            VJoyWheel()
        assert load_driver().status_of(1) is DeviceStatus.FREE

    @pytest.mark.parametrize(
        ("switches", "said"),
        [
            ({"disabled": 1}, "not installed, or is disabled.*Install vJoy 2.1.9.1"),
            ({"busy": 1}, "device 1 is held by another program.*Close that program"),
            ({"missing": 1}, "device 1 does not exist.*Configure vJoy"),
            ({"axes_absent": 0b100100}, "device 1 has no axis Z, RZ.*tick the axes X, Y, Z, RZ"),
            ({"axis_min": 5, "axis_max": 5}, "has no axis X, Y, Z, RZ"),
            ({"buttons": 8}, "device 1 has 8 buttons, and 9 are needed.*Number of Buttons to 32"),
            ({"buttons": -1}, "device 1 has 0 buttons"),
        ],
    )
    def test_a_device_that_will_not_do_is_refused(
        self, switches: dict[str, int], said: str
    ) -> None:
        """The error says what is wrong and what to do; the device is left alone."""
        for switch, value in switches.items():
            setattr(self.stub, switch, value)
        with pytest.raises(WheelError, match=said):
            VJoyWheel()
        assert (self.stub.acquired, self.stub.relinquished, self.stub.updates) == (0, 0, 0)

    def test_another_device_than_the_first_can_be_asked_for(self) -> None:
        """The error names the device that was asked for."""
        with pytest.raises(WheelError, match=r"device 2 does not exist.*select device 2"):
            VJoyWheel(2)

    def test_a_device_is_not_held_twice(self) -> None:
        """Two wheels in one process would fight over it."""
        wheel = VJoyWheel()
        with pytest.raises(WheelError, match="already held by this process"):
            VJoyWheel()
        wheel.close()

    def test_as_many_buttons_as_are_needed_will_do(self) -> None:
        """Nine for the usual bindings; a device that has fewer presses no others."""
        self.stub.buttons = 9
        wheel = VJoyWheel()
        with pytest.raises(WheelError, match="buttons 1 to 9"):
            wheel.apply(Controls(buttons=frozenset({10})))
        wheel.close()
        VJoyWheel(buttons_needed=1).close()

    def test_neighbouring_versions_work_and_are_told(self) -> None:
        """Driver 2.1.9 under the DLL 2.1.8 is the usual case; errors mention it."""
        self.stub.version_mismatch = 1
        wheel = VJoyWheel()
        assert not wheel.facts.versions_match
        wheel.apply(DRIVING)
        assert self.close_to(DRIVING)
        self.stub.updates_to_lose = 2
        with pytest.raises(WheelError, match="differ in their versions"):
            wheel.apply(DRIVING)
        wheel.close()
