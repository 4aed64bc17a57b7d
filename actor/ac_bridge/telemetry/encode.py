"""A frame back to page bytes: what `ac_bridge.telemetry.decode` does, the other way. Pure.

For whatever reads pages and is to be given those of a recording. Fields of the page that no frame
has are zero; a number that the page held as NaN or infinity comes back as the 0 that the frame has.
"""

from __future__ import annotations

import math
from typing import Any

from ac_bridge.game import Page
from ac_bridge.telemetry.decode import sources_of
from ac_bridge.telemetry.layout import GRAPHICS, PHYSICS, STATIC, Layout
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.wire import WireModel


class PageEncoder:
    """Encodes those fields of one model that come from one page.

    Args:
        layout: of the page.
        model: its fields name their source as ``page.field``.
    """

    def __init__(self, layout: Layout, model: type[WireModel]) -> None:
        self._layout = layout
        self._sources = sources_of(layout.page, model)

    def encode(self, model: WireModel) -> bytes:
        """Return the page that decodes to the model's fields.

        Raises:
            struct.error: an integer that no page can hold.
            OverflowError: a float beyond those that a page has.
        """
        fields = model.__dict__
        return self._layout.pack(
            {source: _on_page(fields[name]) for name, source in self._sources.items()}
        )


def _on_page(value: Any) -> Any:
    """Return a value as the page has it: what a frame leaves open is infinite there."""
    return math.inf if value is None else value


_FRAME_PAGES = {
    Page.PHYSICS: PageEncoder(PHYSICS, TelemetryFrame),
    Page.GRAPHICS: PageEncoder(GRAPHICS, TelemetryFrame),
}
_STATICS = PageEncoder(STATIC, GameStatics)


def encode_frame(page: Page, frame: TelemetryFrame) -> bytes:
    """Return the physics or the graphics page of a frame."""
    return _FRAME_PAGES[page].encode(frame)


def encode_statics(statics: GameStatics) -> bytes:
    """Return the static page."""
    return _STATICS.encode(statics)
