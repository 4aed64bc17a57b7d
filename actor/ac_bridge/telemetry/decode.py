"""Page bytes to field values. The models' own fields say where each comes from.

One `struct.unpack` and one `itemgetter` take a page apart; only booleans, enums, texts and
matrices need a look of their own.
"""

from __future__ import annotations

import enum
import itertools
import math
import operator
from collections.abc import Callable
from typing import Any, TypeAlias, get_args

from ac_bridge.game import Page
from ac_bridge.telemetry.layout import GRAPHICS, PHYSICS, STATIC, Layout, decode_text
from ac_bridge_protocol.errors import PageError
from ac_bridge_protocol.frame import Flag, GameStatics, GameStatus, SessionType, TelemetryFrame
from ac_bridge_protocol.wire import WireModel, trusted

_Convert: TypeAlias = Callable[[Any], Any]


class _Members(dict[int, enum.IntEnum]):
    """A page's numbers as an enum; its UNKNOWN stands for those that nobody documents."""

    def __init__(self, kind: type[enum.IntEnum]) -> None:
        super().__init__({member.value: member for member in kind})

    def __missing__(self, value: int) -> enum.IntEnum:
        return self[-1]


def _member(kind: type[enum.IntEnum]) -> _Convert:
    """Return what turns a page's number into an enum, without a call of Python for those known."""
    return _Members(kind).__getitem__


_rows: _Convert = operator.itemgetter(slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12))
"""Four wheels of three numbers each."""


_ENUMS: dict[str, _Convert] = {
    "status": _member(GameStatus),
    "session_type": _member(SessionType),
    "flag": _member(Flag),
}
_ORDER: tuple[_Convert | None, ...] = (None, bool, decode_text, _rows, *_ENUMS.values())
"""The conversions; None leaves a value as it is."""


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

        def conversion(name: str) -> _Convert | None:
            if types[name] is bool:
                return bool
            if fields[name].rows:
                return _rows
            return decode_text if fields[name].kind == "u" else _ENUMS.get(name)

        # Fields of one conversion stand together, so that each is mapped over a slice in one call
        # in C: a page costs a handful of calls, however many fields it has.
        ordered = sorted(sources, key=lambda name: _ORDER.index(conversion(name)))
        self._layout = layout
        self._names = tuple(ordered)
        self._get = layout.getter(tuple(sources[name] for name in ordered))
        self._groups: list[tuple[_Convert | None, slice]] = []
        for convert, group in itertools.groupby(ordered, conversion):
            start = self._groups[-1][1].stop if self._groups else 0
            self._groups.append((convert, slice(start, start + len(list(group)))))
        self._floats = tuple(name for name, field in fields.items() if field.kind == "f")
        self._optional = frozenset(n for n in sources if type(None) in get_args(types[n]))

    def decode(self, page: bytes) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return the values by field name, and the names of those that were not finite.

        Raises:
            PageError: fewer or more bytes than the page has.
        """
        values: dict[str, Any] = {}
        return values, self.decode_into(values, page)

    def decode_into(self, values: dict[str, Any], page: bytes) -> tuple[str, ...]:
        """Set the values by field name, and return the names of those that were not finite.

        What is not finite is given as 0; as None, and unnamed, where the field allows for it.

        Args:
            values: quickest if it has the names already: a dictionary that grows is costly.
            page: one copy of it.

        Raises:
            PageError: fewer or more bytes than the page has.
        """
        if len(page) != self._layout.page.size_bytes:
            raise PageError(
                f"The {self._layout.page.label} page has {self._layout.page.size_bytes} bytes, "
                f"this copy {len(page)}."
            )
        flat = self._layout.values(page)
        picked = self._get(flat)
        converted = itertools.chain.from_iterable(
            [
                picked[where] if convert is None else map(convert, picked[where])
                for convert, where in self._groups
            ]
        )
        values.update(zip(self._names, converted, strict=True))
        return () if self._layout.all_finite(flat) else self._repair(values)

    def _repair(self, values: dict[str, Any]) -> tuple[str, ...]:
        found = []
        for name in self._floats:
            repaired = _finite(values[name])
            if repaired == values[name]:
                continue
            if name in self._optional:
                values[name] = None
            else:
                values[name] = repaired
                found.append(name)
        return tuple(found)


def _finite(value: Any) -> Any:
    """Return a number, or an array or matrix of them, with 0 for whatever is not finite."""
    if isinstance(value, tuple):
        return tuple(map(_finite, value))
    return value if math.isfinite(value) else 0.0


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
