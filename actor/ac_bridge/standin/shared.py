"""The stand-in in the operating system's shared memory: its pages out, its wheel in.

`Publisher` writes pages the way the game does: 16 bytes at a time, lowest address first, without
a lock and without a mark at the end. `SharedWheel` is the driver's side of a wheel whose game
runs in another process, `WheelRegion` the game's.
"""

from __future__ import annotations

import contextlib

from ac_bridge.clock import Clock
from ac_bridge.game import NEUTRAL, Controls, ControlSink, Inheritance, Page
from ac_bridge.game.regions import Region, check_name, create_region, open_region
from ac_bridge.game.shared_pages import AC_PREFIX, check_pages
from ac_bridge.standin.wheel import DEVICE, StandinWheel, pack_controls
from ac_bridge_protocol.errors import GameAbsentError, PageError, SettingError, WheelError
from ac_bridge_protocol.helpers import Closing

CHUNK_BYTES = 16
"""The game copies a page in pieces of this size (unverified on a live game)."""
SECTION_BYTES = 4096
"""What Windows makes of the 592 bytes that the game asks for, for each of its pages."""
TORN_CHUNK_S = 2e-6
"""From chunk to chunk while tearing: a physics page takes 74 us. Longer would be unfair: a reader
looks again after some 20 us, and takes what has not changed by then for whole."""
WHEEL_NAME = "ac_bridge_wheel"
"""The region that stands for the device."""
NO_SIMULATE = "Start `ac-bridge simulate` first, on this machine and as the same user."


class Publisher(Closing):
    """Creates the regions of the three pages, and writes to them.

    Attributes:
        tearing: whether each write is drawn out, so that readers meet half-written pages.
    """

    def __init__(self, clock: Clock, prefix: str = AC_PREFIX) -> None:
        """Create the pages: zeros, or what the last game left in them.

        Args:
            clock: paces the chunks while tearing.
            prefix: what the names of the pages begin with.

        Raises:
            PageError: somebody publishes them who still runs, or the system refuses them.
            SettingError: no region's name can begin like that.
        """
        check_pages(prefix)
        self.tearing = False
        self._clock = clock
        self._regions: dict[Page, Region] = {}
        with contextlib.ExitStack() as on_close:
            for page in Page:
                region = create_region(prefix + page.label, SECTION_BYTES)
                self._regions[page] = on_close.enter_context(region)
            self._on_close = on_close.pop_all()

    def publish(self, page: Page, data: bytes) -> None:
        """Write a page, chunk by chunk."""
        if self.tearing:
            self._draw_out(page, data)
            return
        write = self._regions[page].write
        for offset in range(0, len(data), CHUNK_BYTES):
            write(offset, data[offset : offset + CHUNK_BYTES])

    def close(self) -> None:
        """Let go of the pages. May be called twice."""
        self._on_close.close()

    def _draw_out(self, page: Page, data: bytes) -> None:
        """Write the chunks that change, at even distances: the others would be unseen pauses."""
        region = self._regions[page]
        before = region.read(len(data))
        due_s = self._clock.now()
        for offset in range(0, len(data), CHUNK_BYTES):
            chunk = data[offset : offset + CHUNK_BYTES]
            if chunk != before[offset : offset + CHUNK_BYTES]:
                region.write(offset, chunk)
                due_s += TORN_CHUNK_S
                while self._clock.now() < due_s:
                    pass


class WheelRegion(Closing):
    """The device of `SharedWheel` as the game sees it.

    Args:
        name: of the region.

    Raises:
        PageError: another stand-in that still runs has it, or the system refuses it.
        SettingError: a wheel cannot be called that.
    """

    def __init__(self, name: str = WHEEL_NAME) -> None:
        check_wheel(name)
        self._region = create_region(name, DEVICE.size)
        self.device = self._region.read(DEVICE.size)
        """Its state when it was last read."""
        if self.device == bytes(DEVICE.size):  # new: nobody has moved it
            self.device = pack_controls(NEUTRAL)
            self._region.write(0, self.device)

    def moved(self) -> bool:
        """Read the device; return whether its state is a new one.

        A state that is being written at this moment is left for the next time.
        """
        device = self._region.read(DEVICE.size)
        if device == self.device or device != self._region.read(DEVICE.size):
            return False
        self.device = device
        return True

    def close(self) -> None:
        """Let go of the device. May be called twice."""
        self._region.close()


class SharedWheel(ControlSink):
    """The driver's side of the wheel of an `ac-bridge simulate`.

    A stand-in that ended and was started again is followed by itself; in between, the wheel moves
    without anybody noticing, as a real one does.
    """

    def __init__(self, name: str = WHEEL_NAME) -> None:
        """Take hold of the wheel and set it neutral.

        Args:
            name: of the region.

        Raises:
            WheelError: no `ac-bridge simulate` runs, or its wheel cannot be had.
            SettingError: a wheel cannot be called that.
        """
        check_wheel(name)
        self._name = name
        self._closed = False
        try:
            self._region = open_region(name, DEVICE.size, writable=True)
        except GameAbsentError as error:
            raise WheelError(
                f"No `ac-bridge simulate` runs: {error.message}", hint=NO_SIMULATE
            ) from None
        except PageError as error:
            raise _unusable(error) from error
        self._wheel = StandinWheel(self._write)
        self._wheel.apply(NEUTRAL)

    def apply(self, controls: Controls) -> None:
        """Set every axis and button in one update.

        Raises:
            WheelError: the wheel is closed, cannot be written to, or the device has no such axis
                position or button.
        """
        self._wheel.apply(controls)

    def inheritance(self) -> Inheritance:
        """Return how to take the device: by its name, at any time."""
        return Inheritance("standin", self._name)

    def close(self) -> None:
        """Set neutral and let go of the device. May be called twice.

        Raises:
            WheelError: it was let go of, but could not be set neutral.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._wheel.close()
        finally:
            self._region.close()

    def _write(self, device: bytes) -> None:
        try:
            if self._region.orphaned():
                self._follow()
            self._region.write(0, device)
        except PageError as error:
            raise _unusable(error) from error

    def _follow(self) -> None:
        """Change over to the wheel of the stand-in that runs now, if one does."""
        try:
            region = open_region(self._name, DEVICE.size, writable=True)
        except GameAbsentError:
            return
        self._region.close()
        self._region = region


def check_wheel(name: str) -> None:
    """Make sure that a wheel may bear a name: a page's would be written over.

    Raises:
        SettingError: it may not.
    """
    check_name(name, "wheel_name")
    if name.endswith(tuple(page.label for page in Page)):
        raise SettingError(
            f"The wheel cannot be called {name!r}: pages are called like that.",
            setting="wheel_name",
            hint="Take a name that does not end in physics, graphics or static.",
        )


def _unusable(error: PageError) -> WheelError:
    return WheelError(f"The stand-in's wheel cannot be used: {error.message}", hint=error.hint)
