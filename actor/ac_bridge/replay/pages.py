"""A recording as pages: whatever reads a game reads the recorded one, in recorded time."""

from __future__ import annotations

from collections.abc import Iterable

from ac_bridge.clock import Clock
from ac_bridge.game import Page, PageSource
from ac_bridge.telemetry.encode import encode_frame, encode_statics
from ac_bridge_protocol.errors import GameAbsentError, RecordingError
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame


class ReplayPages(PageSource):
    """The pages of a stream of frames, as of now by a clock.

    The first frame is there from the beginning, each other from its own time on, counted from the
    first; the last one stays, as pages do whose game was killed.

    Does not model: pages that are written while they are read, what the game writes between two
    frames, and the fields that no frame has, which are zero.

    Args:
        frames: in order; read as time goes on, so they may come straight from a file.
        statics: the game's static facts; None if they were not recorded: then the page is absent.
        clock: by which now is; time begins when this is made.

    Raises:
        RecordingError: there are no frames.
    """

    atomic = True

    def __init__(
        self, frames: Iterable[TelemetryFrame], statics: GameStatics | None, clock: Clock
    ) -> None:
        self._coming = iter(frames)
        self._clock = clock
        first = next(self._coming, None)
        if first is None:
            raise RecordingError("There is no frame to be played.", hint="Record while it runs.")
        self._shown = first
        self._next = next(self._coming, None)
        self._ahead_s = first.t_wall - clock.now()
        self._statics = None if statics is None else encode_statics(statics)
        self._encoded: dict[Page, bytes] = {}
        self._closed = False

    def read(self, page: Page) -> bytes:
        """Return the page as of now.

        Raises:
            GameAbsentError: it was closed, or it is the static page and was not recorded.
        """
        data = None if self._closed else self._page(page)
        if data is None:
            raise GameAbsentError(f"The recording has no {page.label} page.")
        return data

    def close(self) -> None:
        """Publish nothing more."""
        self._closed = True

    def _page(self, page: Page) -> bytes | None:
        if page is Page.STATIC:
            return self._statics
        self._go_on()
        data = self._encoded.get(page)
        if data is None:
            data = self._encoded[page] = encode_frame(page, self._shown)
        return data

    def _go_on(self) -> None:
        """Take the newest frame whose time has come."""
        now_s = self._clock.now() + self._ahead_s
        while self._next is not None and self._next.t_wall <= now_s:
            self._shown, self._next = self._next, next(self._coming, None)
            self._encoded.clear()
