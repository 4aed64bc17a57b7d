"""Frames back to pages: what is read from a page is written to it."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.game import Page
from ac_bridge.telemetry.decode import (
    GRAPHICS_FRAME,
    PHYSICS_FRAME,
    PageDecoder,
    decode_statics,
    sources_of,
)
from ac_bridge.telemetry.encode import encode_frame, encode_statics
from ac_bridge.telemetry.layout import LAYOUTS, STATIC
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from helpers.frames import (
    FRAME_VALUES,
    STATICS_VALUES,
    graphics_page,
    make_frame,
    make_statics,
    physics_page,
    static_page,
)
from helpers.strategies import page_bytes

DECODERS = {Page.PHYSICS: PHYSICS_FRAME, Page.GRAPHICS: GRAPHICS_FRAME}


def written(page: Page) -> st.SearchStrategy[bytes]:
    """Return a strategy for any page whose texts end with a NUL, as those of the game do."""

    def end_texts(data: bytes) -> bytes:
        ended = bytearray(data)
        for field in LAYOUTS[page].fields.values():
            if field.kind == "u":
                last = field.offset + field.size_bytes - 2
                ended[last : last + 2] = b"\0\0"
        return bytes(ended)

    return page_bytes(page).map(end_texts)


def decoded(decoder: PageDecoder, data: bytes) -> dict[str, Any]:
    values, _ = decoder.decode(data)
    return values


@pytest.mark.parametrize("page", DECODERS)
@given(data=st.data())
def test_what_was_decoded_is_encoded_again(page: Page, data: st.DataObject) -> None:
    """Whatever a page holds: its frame, encoded, decodes to the same frame."""
    decoder = DECODERS[page]
    values = decoded(decoder, data.draw(written(page)))
    frame = TelemetryFrame(**(FRAME_VALUES | values))
    assert decoded(decoder, encode_frame(page, frame)) == values


@given(data=written(Page.STATIC))
def test_statics_come_back(data: bytes) -> None:
    """The same for the static page."""
    statics = decode_statics(data)
    assert decode_statics(encode_statics(statics)) == statics


def test_the_plausible_pages_come_back_byte_for_byte() -> None:
    """Where every field of the page is in the frame, the bytes are the page's own."""
    physics, graphics = physics_page(), graphics_page()
    values = decoded(PHYSICS_FRAME, physics) | decoded(GRAPHICS_FRAME, graphics)
    frame = make_frame(**values)
    assert encode_frame(Page.PHYSICS, frame) == physics
    assert encode_frame(Page.GRAPHICS, frame) == graphics
    assert encode_statics(decode_statics(static_page())) == static_page()


@pytest.mark.parametrize("page", DECODERS)
def test_every_field_is_written(page: Page) -> None:
    """A plausible frame's fields that are not zero are not zero in its page."""
    values = LAYOUTS[page].unpack(encode_frame(page, make_frame()))
    for name, source in sources_of(page, TelemetryFrame).items():
        assert bool(values[source]) == bool(FRAME_VALUES[name]), name


def test_every_static_field_is_written() -> None:
    """Likewise."""
    values = STATIC.unpack(encode_statics(make_statics()))
    for name, source in sources_of(Page.STATIC, GameStatics).items():
        assert bool(values[source]) == bool(STATICS_VALUES[name]), name


def test_an_open_end_is_infinite_on_the_page() -> None:
    """As the game writes a session without a limit."""
    values = LAYOUTS[Page.GRAPHICS].unpack(
        encode_frame(Page.GRAPHICS, make_frame(session_time_left=None))
    )
    assert values["sessionTimeLeft"] == math.inf


def test_what_no_page_can_hold_is_an_error() -> None:
    """A number of more than 32 bits did not come from a page."""
    with pytest.raises(struct.error):
        encode_frame(Page.PHYSICS, make_frame(packet_id=2**40))
    with pytest.raises(OverflowError):
        encode_frame(Page.PHYSICS, make_frame(fuel=1e300))
