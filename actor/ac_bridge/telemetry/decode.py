"""Page bytes to field values. The models' own fields say where each comes from.

One `struct.unpack` and one `itemgetter` take a page apart; only booleans, enums, texts and
matrices need a look of their own.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, get_args

from ac_bridge.game import Page
from ac_bridge.telemetry.layout import GRAPHICS, PHYSICS, STATIC, Layout, decode_text
from ac_bridge_protocol.errors import PageError
from ac_bridge_protocol.frame import Flag, GameStatics, GameStatus, SessionType, TelemetryFrame
from ac_bridge_protocol.wire import WireModel, trusted

_ENUMS: dict[str, Mapping[int, Any]] = {
    "status": {member.value: member for member in GameStatus},
    "session_type": {member.value: member for member in SessionType},
    "flag": {member.value: member for member in Flag},
}
_UNKNOWN = -1


class PageDecoder:
    """Decodes those fields of one model that come from one page.

    Args:
        layout: of the page.
        model: its fields name their source as ``page.field``.
    """

    def __init__(self, layout: Layout, model: type[WireModel]) -> None:
        sources = sources_of(layout.page, model)
        fields = {name: layout.fields[source] for name, source in sources.items()}
        types = {name: model.model_fields[name].annotation for name in sources}
        self._layout = layout
        self._get = layout.getter(tuple(sources.values()))
        self._names = tuple(sources)
        groups: tuple[tuple[Callable[[Any], Any], list[str]], ...] = (
            (bool, [name for name in sources if types[name] is bool]),
            (decode_text, [name for name, field in fields.items() if field.kind == "u"]),
            (_rows, [name for name, field in fields.items() if field.rows]),
        )
        # Taken and put back a group at a time: three calls in C instead of a loop.
        self._conversions = [
            (convert, tuple(names), operator.itemgetter(*names))
            for convert, names in groups
            if names
        ]
        self._enums = [(name, _ENUMS[name]) for name in sources if name in _ENUMS]
        self._floats = tuple(name for name, field in fields.items() if field.kind == "f")
        self._optional = frozenset(n for n in sources if type(None) in get_args(types[n]))

    def decode(self, page: bytes) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return the values by field name, and the names of those that were not finite.

        What is not finite is given as 0; as None, and unnamed, where the field allows for it.

        Raises:
            PageError: fewer or more bytes than the page has.
        """
        if len(page) != self._layout.page.size_bytes:
            raise PageError(
                f"The {self._layout.page.label} page has {self._layout.page.size_bytes} bytes, "
                f"this copy {len(page)}."
            )
        flat = self._layout.values(page)
        values: dict[str, Any] = dict(zip(self._names, self._get(flat), strict=True))
        nonfinite = () if self._layout.all_finite(flat) else self._repair(values)
        for convert, names, take in self._conversions:
            values.update(zip(names, map(convert, take(values)), strict=True))
        for name, members in self._enums:
            values[name] = members.get(values[name], members[_UNKNOWN])
        return values, nonfinite

    def _repair(self, values: dict[str, Any]) -> tuple[str, ...]:
        found = []
        for name in self._floats:
            value = values[name]
            if isinstance(value, tuple):
                if not math.isfinite(sum(value)):
                    values[name] = tuple(v if math.isfinite(v) else 0.0 for v in value)
                    found.append(name)
            elif not math.isfinite(value):
                values[name] = None if name in self._optional else 0.0
                if name not in self._optional:
                    found.append(name)
        return tuple(found)


def _rows(flat: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    """Four wheels of three numbers each."""
    return flat[0:3], flat[3:6], flat[6:9], flat[9:12]


def sources_of(page: Page, model: type[WireModel]) -> dict[str, str]:
    """Return field name -> name in the page, for the fields that come from ``page``."""
    sources = {}
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        source = extra.get("source", "") if isinstance(extra, dict) else ""
        label, _, page_name = str(source).partition(".")
        if label == page.label:
            sources[name] = page_name
    return sources


PHYSICS_FRAME = PageDecoder(PHYSICS, TelemetryFrame)
"""The physics page's part of a frame."""
GRAPHICS_FRAME = PageDecoder(GRAPHICS, TelemetryFrame)
"""The graphics page's part of a frame."""
_STATICS = PageDecoder(STATIC, GameStatics)


def decode_statics(page: bytes) -> GameStatics:
    """Return the game's static facts.

    Raises:
        PageError: not 684 bytes.
    """
    values, _ = _STATICS.decode(page)
    return trusted(GameStatics, values)
