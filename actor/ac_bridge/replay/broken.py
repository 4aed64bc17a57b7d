"""A game that does not do as it should: a wheel that fails, pages that vanish or say otherwise."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TypeAlias

from ac_bridge.game import Controls, ControlSink, Page, PageSource
from ac_bridge.telemetry.layout import LAYOUTS, Layout, encode_text
from ac_bridge_protocol.errors import GameAbsentError, RecordingError, WheelError

Fields: TypeAlias = Mapping[str, float | int | str | list[float | int]]
"""Values of a page's fields, by their names in the page."""


class BreakableWheel(ControlSink):
    """A wheel that stops working when it is told to.

    Attributes:
        does: see `WheelDoes`.
    """

    def __init__(self, inner: ControlSink) -> None:
        self._inner = inner
        self.does = "work"

    def apply(self, controls: Controls) -> None:
        """Pass the state on.

        Raises:
            WheelError: not at present.
        """
        if self.does == "fail":
            raise WheelError("The wheel does not take its state.", hint="Plug it in again.")
        if self.does == "work":
            self._inner.apply(controls)

    def close(self) -> None:
        """Let go of it. May be called twice."""
        self._inner.close()


class BreakablePages(PageSource):
    """Pages that vanish, or turn out to be another game's, when they are told to.

    Attributes:
        does: see `GameDoes`.
    """

    def __init__(self, inner: PageSource) -> None:
        self._inner = inner
        self._said: dict[str, Fields] = {}
        self.atomic = inner.atomic
        self.does = "return"

    def read(self, page: Page) -> bytes:
        """Return a copy of ``page``.

        Raises:
            GameAbsentError: the game does not publish it at present.
        """
        if self.does != "return":
            raise GameAbsentError("Nothing publishes the game's pages.")
        data = self._inner.read(page)
        said = self._said.get(page.label)
        return _with(data, LAYOUTS[page], said) if said else data

    def say(self, label: str, fields: Fields) -> None:
        """Let a page say something else from now on.

        Raises:
            RecordingError: it has no such field, or none of such a value.
        """
        layout = next(layout for page, layout in LAYOUTS.items() if page.label == label)
        try:
            _with(bytes(layout.page.size_bytes), layout, fields)
        except (KeyError, ValueError, TypeError, struct.error) as error:
            raise RecordingError(f"The {label} page cannot say that: {error}.") from None
        self._said[label] = fields

    def foreign_game(self) -> str | None:
        """Return the name of another game that publishes pages of its own."""
        return "Assetto Corsa Rally" if self.does == "other" else None

    def close(self) -> None:
        """Let go of the pages. May be called twice."""
        self._inner.close()


def _with(data: bytes, layout: Layout, fields: Fields) -> bytes:
    """Return a page with some of its fields replaced."""
    page = bytearray(data)
    for name, value in fields.items():
        field = layout.fields[name]
        if field.kind == "u":
            packed = encode_text(str(value), field.count).ljust(field.size_bytes, b"\0")
        else:
            number = float if field.kind == "f" else int
            values = [number(one) for one in (value if isinstance(value, list) else [value])]
            packed = struct.pack(f"<{field.count}{field.kind}", *values)
        page[field.offset : field.offset + field.size_bytes] = packed
    return bytes(page)
