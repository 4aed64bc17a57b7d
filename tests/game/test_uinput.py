"""The uinput wheel: over a faked evdev everywhere, over the kernel where it may."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ac_bridge.game import NEUTRAL, Controls, ControlSink, Inheritance
from ac_bridge.game.axes import DeviceState
from ac_bridge.game.uinput import (
    AXIS,
    AXIS_CODES,
    BUTTON_CODES,
    DEVICE_NAME,
    DEVICE_NODE,
    EV_ABS,
    EV_KEY,
    KERNEL_EVENT,
    SHAPE,
    InheritedUinputWheel,
    UinputWheel,
)
from ac_bridge_protocol.errors import WheelError
from game.contract import DRIVING, ControlSinkContract, DeviceContract

SYN = "syn"


class UInputError(Exception):
    """What evdev raises if it cannot make a device."""


class FakeUInput:
    """evdev's `UInput` as far as it is used: shows a state once it is told to synchronise.

    Attributes:
        made: every device that was made, the last one last.
        broken: whether writing fails from now on.
    """

    made: list[FakeUInput]
    broken = False
    fd = 17

    def __init__(self, events: dict[int, Any], **identity: Any) -> None:
        self.events, self.identity = events, identity
        self.shown = {code: axis[0] for code, axis in events[EV_ABS]}
        self.shown |= dict.fromkeys(events[EV_KEY], 0)
        self.log: list[Any] = []
        self.pending: dict[int, int] = {}
        self.closed = False
        self.made.append(self)

    def write(self, kind: int, code: int, value: int) -> None:
        """Queue one change; the kernel ignores codes that were not announced, this refuses them."""
        if self.broken:
            raise OSError(19, "No such device")
        assert not self.closed
        assert code in (self.events[EV_KEY] if kind == EV_KEY else dict(self.events[EV_ABS]))
        self.log.append((kind, code, value))
        self.pending[code] = value

    def syn(self) -> None:
        """Show what is queued."""
        self.log.append(SYN)
        self.shown |= self.pending
        self.pending = {}

    def close(self) -> None:
        """Take the device away."""
        self.closed = True


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A node that may be written to, and an evdev that makes fake devices through it."""
    evdev = ModuleType("evdev")
    evdev.UInput = type("UInput", (FakeUInput,), {"made": []})  # type: ignore[attr-defined]
    evdev.UInputError = UInputError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "evdev", evdev)
    path = tmp_path / "uinput"
    path.touch()
    return path


def device() -> FakeUInput:
    """Return the fake device that was made last."""
    made: list[FakeUInput] = sys.modules["evdev"].UInput.made
    return made[-1]


class KernelEvents:
    """A file in place of the kernel's node: what was written to it, understood as events."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0))

    def read(self) -> list[tuple[int, int, int]]:
        """Return every event so far: kind, code and value."""
        return [event[2:] for event in KERNEL_EVENT.iter_unpack(self._path.read_bytes())]


class TestUinputWheel(DeviceContract):
    """The contract, over the fake."""

    @pytest.fixture(autouse=True)
    def _node(self, node: Path) -> None:
        self.node = node

    def make(self) -> ControlSink:
        return UinputWheel(self.node)

    def shown(self) -> Controls:
        shown = device().shown
        steer, throttle, brake, clutch = (shown[code] for code in AXIS_CODES)
        held = sum(shown[code] << i for i, code in enumerate(BUTTON_CODES))
        return SHAPE.controls_for(DeviceState(steer, throttle, brake, clutch, held))

    def updates(self) -> int:
        return device().log.count(SYN)


class TestInheritedUinputWheel(DeviceContract):
    """The contract, for a device that another process made."""

    @pytest.fixture(autouse=True)
    def _events(self, tmp_path: Path) -> None:
        self.events = KernelEvents(tmp_path / "device")

    def make(self) -> ControlSink:
        return InheritedUinputWheel(self.events.descriptor)

    def shown(self) -> Controls:
        shown = {code: value for kind, code, value in self.events.read() if kind != 0}
        steer, throttle, brake, clutch = (shown[code] for code in AXIS_CODES)
        held = sum(shown[code] << i for i, code in enumerate(BUTTON_CODES))
        return SHAPE.controls_for(DeviceState(steer, throttle, brake, clutch, held))

    def updates(self) -> int:
        return self.events.read().count((0, 0, 0))


def test_a_device_that_was_left_behind_is_set_neutral_at_once(tmp_path: Path) -> None:
    """Every axis and every button, whatever its maker last said; then one synchronisation."""
    events = KernelEvents(tmp_path / "device")
    wheel = InheritedUinputWheel(events.descriptor)
    assert events.read() == [
        (EV_ABS, 0, 0),
        *((EV_ABS, code, -32767) for code in (1, 2, 5)),
        *((EV_KEY, code, 0) for code in BUTTON_CODES),
        (0, 0, 0),
    ]
    wheel.close()


def test_a_device_that_is_gone_cannot_be_inherited(tmp_path: Path) -> None:
    """The kernel's reason is in the error, and the descriptor is left for another attempt."""
    descriptor = os.open(tmp_path, os.O_RDONLY) if os.name == "posix" else -1
    with pytest.raises(WheelError, match="left behind did not take its state"):
        InheritedUinputWheel(descriptor)
    if descriptor >= 0:
        os.close(descriptor)


def test_it_says_which_descriptor_keeps_it_alive(node: Path) -> None:
    """Whoever inherits the wheel must be started with it."""
    wheel = UinputWheel(node)
    assert wheel.inheritance() == Inheritance("uinput", "17", (17,))
    wheel.close()


def test_it_presents_itself_as_a_joystick(node: Path) -> None:
    """Four axes at rest, a trigger and 31 more buttons, under its own name."""
    wheel = UinputWheel(node)
    fake = device()
    assert dict(fake.events[EV_ABS]) == {
        0x00: (0, -32767, 32767, 0, 0, 0),
        0x01: (-32767, -32767, 32767, 0, 0, 0),
        0x02: (-32767, -32767, 32767, 0, 0, 0),
        0x05: (-32767, -32767, 32767, 0, 0, 0),
    }
    assert fake.events[EV_KEY][0] == 0x120
    assert len(set(fake.events[EV_KEY])) == 32
    assert fake.events[EV_KEY] == sorted(fake.events[EV_KEY])
    assert fake.identity["name"] == DEVICE_NAME
    assert fake.identity["devnode"] == str(node)
    wheel.close()
    assert fake.closed


def test_each_state_ends_with_its_synchronisation(node: Path) -> None:
    """All axes, then the buttons that changed, then one syn."""
    wheel = UinputWheel(node)
    log = device().log
    assert log[-1] == SYN
    log.clear()
    wheel.apply(Controls(steer=1.0, buttons=frozenset({1, 2})))
    wheel.apply(Controls(steer=1.0, buttons=frozenset({2})))
    axes = [(EV_ABS, 0, 32767), *((EV_ABS, code, -32767) for code in (1, 2, 5))]
    assert log == [
        *axes,
        (EV_KEY, 0x120, 1),
        (EV_KEY, 0x121, 1),
        SYN,
        *axes,
        (EV_KEY, 0x120, 0),
        SYN,
    ]
    wheel.close()


def test_a_lost_state_is_an_error_and_the_next_is_written_in_full(node: Path) -> None:
    """Nobody knows which buttons the kernel took, so each is said again."""
    wheel = UinputWheel(node)
    device().broken = True
    with pytest.raises(WheelError, match=r"did not take its state.*No such device.*doctor"):
        wheel.apply(DRIVING)
    device().broken = False
    device().log.clear()
    wheel.apply(NEUTRAL)
    assert [entry for entry in device().log if entry[0] == EV_KEY] == [
        (EV_KEY, code, 0) for code in BUTTON_CODES
    ]
    wheel.close()


def test_the_device_goes_even_if_neutral_fails(node: Path) -> None:
    """That it failed is said, once."""
    wheel = UinputWheel(node)
    device().broken = True
    with pytest.raises(WheelError, match="did not take"):
        wheel.close()
    assert device().closed
    wheel.close()


def test_no_half_made_wheel_is_left_behind(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If neutral at the start fails, the device goes."""
    monkeypatch.setattr(sys.modules["evdev"].UInput, "broken", True)
    with pytest.raises(WheelError, match="did not take"):
        UinputWheel(node)
    assert device().closed


@pytest.mark.parametrize("raised", [UInputError("too long"), OSError(22, "Invalid argument")])
def test_a_device_that_cannot_be_made_is_our_error(
    node: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    """Whatever evdev or the kernel says is in it."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise raised

    monkeypatch.setattr(sys.modules["evdev"].UInput, "__init__", refuse)
    with pytest.raises(WheelError, match=r"did not make a virtual wheel.*(too long|Invalid)"):
        UinputWheel(node)


def test_a_missing_node_says_which_module_to_load(node: Path, tmp_path: Path) -> None:
    """The kernel module makes the node."""
    with pytest.raises(WheelError, match=r"nowhere does not exist\. .*modprobe uinput"):
        UinputWheel(tmp_path / "nowhere")


def test_a_node_that_may_not_be_written_says_how_to_get_the_right(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule is what setup prints."""
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (node, os.W_OK))
    with pytest.raises(WheelError, match=r"uinput is not writable.*udev rule.*ac-bridge setup"):
        UinputWheel(node)


def test_without_evdev_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, node: Path) -> None:
    """It comes with an extra of this package."""
    monkeypatch.setitem(sys.modules, "evdev", None)
    with pytest.raises(
        WheelError, match=r"evdev.*not installed.*pip install 'ac-bridge\[uinput\]'"
    ):
        UinputWheel(node)


def test_evdev_is_imported_when_a_wheel_is_made() -> None:
    """Not before: the module is there on Windows too."""
    code = "import ac_bridge.game.uinput, sys; sys.exit('evdev' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


needs_evdev = pytest.mark.skipif(
    importlib.util.find_spec("evdev") is None, reason="evdev is not installed (extra uinput)"
)
needs_node = pytest.mark.skipif(
    not os.access(DEVICE_NODE, os.W_OK), reason=f"{DEVICE_NODE} is not there or not writable"
)


@needs_evdev
def test_the_codes_are_those_of_the_kernel() -> None:
    """Number by number, as evdev knows them from the kernel's headers."""
    codes = importlib.import_module("evdev").ecodes
    assert (codes.EV_KEY, codes.EV_ABS) == (EV_KEY, EV_ABS)
    assert AXIS_CODES == (codes.ABS_X, codes.ABS_Y, codes.ABS_Z, codes.ABS_RZ)
    assert BUTTON_CODES[0] == codes.BTN_TRIGGER
    assert BUTTON_CODES[11] == codes.BTN_BASE6
    assert BUTTON_CODES[12:] == tuple(getattr(codes, f"BTN_TRIGGER_HAPPY{i}") for i in range(1, 21))


@needs_evdev
@needs_node
class TestUinputWheelOnTheKernel(ControlSinkContract):
    """The contract, read back from the kernel's device."""

    def make(self) -> ControlSink:
        self.wheel = UinputWheel()
        self.at_end: Controls | None = None
        device = self.wheel._device
        close = device.close

        def read_then_close() -> None:
            self.at_end = self._read()
            close()

        device.close = read_then_close
        return self.wheel

    def shown(self) -> Controls:
        return self._read() if self.at_end is None else self.at_end

    def _read(self) -> Controls:
        device = self.wheel._device.device
        steer, throttle, brake, clutch = (device.absinfo(code).value for code in AXIS_CODES)
        held = sum(1 << BUTTON_CODES.index(code) for code in device.active_keys())
        return SHAPE.controls_for(DeviceState(steer, throttle, brake, clutch, held))

    def test_the_range_is_ours(self) -> None:
        """The kernel tells readers the range that the counts are made for."""
        wheel = self.make()
        info = self.wheel._device.device.absinfo(AXIS_CODES[0])
        assert (info.min, info.max) == (AXIS.low, AXIS.high)
        wheel.close()
