"""The byte layout of the three shared-memory pages of Assetto Corsa 1.16, to read and to write.

Everything is little-endian; ``int`` and ``float`` take 4 bytes; text is UTF-16 with two bytes a
unit on every platform (Linux's ``wchar_t`` has four, so it is never used), ended by a NUL.
Names, order and offsets: compiled for the Windows ABI and checked against a capture of 1.16.4.
Where public headers disagree the capture decided: `trackConfiguration` has 33 units,
`currentMaxRpm` is an integer, and the graphics page has two more integers after byte 296.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import operator
import struct
from collections.abc import Callable, Mapping
from typing import Any

from ac_bridge.game import Page

Kind = str
"""``i`` int32, ``f`` float32, ``u`` UTF-16 text, ``x`` padding."""

_UNIT_BYTES = {"i": 4, "f": 4, "u": 2, "x": 1}


@dataclasses.dataclass(frozen=True, slots=True)
class PageField:
    """One field as the game declares it."""

    name: str
    kind: Kind
    count: int
    """Elements: 1 for a scalar, otherwise the length of the array or the text's units."""
    rows: int
    """More than 0 for a matrix of that many rows, stored row after row."""
    offset: int
    """Bytes from the start of the page."""

    @property
    def size_bytes(self) -> int:
        """Bytes that the field takes."""
        return _UNIT_BYTES[self.kind] * self.count


def _fields(declared: str) -> tuple[PageField, ...]:
    """Read a declaration such as ``f accG[3]; u split[15]; x 2`` into fields with offsets."""
    fields = []
    offset = 0
    for item in declared.split(";"):
        kind, _, rest = item.strip().partition(" ")
        name, *lengths = rest.replace("]", "").split("[")
        if kind == "x":
            name, lengths = "", [name]
        sizes = [int(length) for length in lengths]
        field = PageField(
            name=name,
            kind=kind,
            count=sizes[0] * (sizes[1] if len(sizes) > 1 else 1) if sizes else 1,
            rows=sizes[0] if len(sizes) > 1 else 0,
            offset=offset,
        )
        offset += field.size_bytes
        fields.append(field)
    return tuple(fields)


class Layout:
    """How to take one page apart into named values, and how to put it together."""

    def __init__(self, page: Page, declared: str) -> None:
        self.page = page
        fields = _fields(declared)
        self._struct = struct.Struct("<" + "".join(_code(field) for field in fields))
        if self._struct.size != page.size_bytes:
            raise AssertionError(f"{page.label}: {self._struct.size} bytes, not {page.size_bytes}")
        self.fields = {field.name: field for field in fields if field.kind != "x"}
        self._plan = [(f.name, f.kind, f.count, f.rows) for f in self.fields.values()]
        self._index = _indices(self.fields)
        floats = _float_positions(self.fields)
        self._float_values = operator.itemgetter(*floats)
        self._all_numbers = not any(field.kind == "u" for field in fields)

    def values(self, data: bytes) -> tuple[Any, ...]:
        """Take the page apart into its flat values, for `getter` to pick from.

        Args:
            data: one copy of the page, exactly `page.size_bytes` long.
        """
        return self._struct.unpack(data)

    def all_finite(self, values: tuple[Any, ...]) -> bool:
        """Whether every float of the page is finite. A sum of float32 cannot overflow a float64."""
        # Integers are finite: where there are no texts, the whole page is summed as it is.
        return math.isfinite(sum(values if self._all_numbers else self._float_values(values)))

    def getter(self, names: tuple[str, ...]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
        """Return a function that picks ``names`` out of `values` in one call.

        Arrays and matrices come as flat tuples, text as the raw bytes of its units.
        """
        if len(names) < 2:
            raise ValueError("a getter picks at least two fields")
        return operator.itemgetter(*(self._index[name] for name in names))

    def unpack(self, data: bytes) -> dict[str, Any]:
        """Return every field by its page name, text decoded."""
        picked = dict(
            zip(self.fields, self.getter(tuple(self.fields))(self.values(data)), strict=True)
        )
        for name, field in self.fields.items():
            if field.kind == "u":
                picked[name] = decode_text(picked[name])
        return picked

    def pack(self, values: Mapping[str, Any]) -> bytes:
        """Put a page together. Fields that are not given are zero.

        Raises:
            KeyError: a name that the page does not have.
            struct.error: a value of the wrong type, or an array of the wrong length.
        """
        flat: list[Any] = []
        given = 0
        for name, kind, count, rows in self._plan:
            value = values.get(name)
            if value is None:
                flat.extend(_NOTHING[kind] * (1 if kind == "u" else count))
                continue
            given += 1
            if rows:
                flat.extend(itertools.chain.from_iterable(value))
            elif kind == "u":
                flat.append(encode_text(value, count))
            elif count == 1:
                flat.append(value)
            else:
                flat.extend(value)
        if given != len(values):
            unknown = sorted(values.keys() - self.fields.keys())
            raise KeyError(f"{self.page.label} page has no field {', '.join(unknown)}")
        return self._struct.pack(*flat)


_NOTHING: dict[Kind, tuple[Any, ...]] = {"i": (0,), "f": (0.0,), "u": (b"",)}


def _code(field: PageField) -> str:
    if field.kind == "u":
        return f"{field.size_bytes}s"
    return f"{field.count}{field.kind}"


def _indices(fields: Mapping[str, PageField]) -> dict[str, int | slice]:
    indices: dict[str, int | slice] = {}
    position = 0
    for name, field in fields.items():
        width = 1 if field.kind == "u" else field.count
        indices[name] = position if width == 1 else slice(position, position + width)
        position += width
    return indices


def _float_positions(fields: Mapping[str, PageField]) -> list[int]:
    positions: list[int] = []
    position = 0
    for field in fields.values():
        width = 1 if field.kind == "u" else field.count
        if field.kind == "f":
            positions.extend(range(position, position + width))
        position += width
    return positions


@functools.lru_cache(maxsize=256)  # a page's texts hardly ever change between two frames
def decode_text(raw: bytes) -> str:
    """Return the text before the first NUL. Broken surrogates become U+FFFD, never an error."""
    return raw.decode("utf-16-le", errors="replace").partition("\0")[0]


@functools.lru_cache(maxsize=256)
def encode_text(text: str, units: int) -> bytes:
    """Return ``text`` as UTF-16 cut to ``units`` less one, so that a NUL always ends it."""
    raw = text.encode("utf-16-le", errors="replace")[: 2 * (units - 1)]
    # A cut may leave the first half of a surrogate pair behind: readers would see rubbish.
    return raw.decode("utf-16-le", errors="ignore").encode("utf-16-le")


PHYSICS = Layout(
    Page.PHYSICS,
    """i packetId; f gas; f brake; f fuel; i gear; i rpms; f steerAngle; f speedKmh; f velocity[3];
    f accG[3]; f wheelSlip[4]; f wheelLoad[4]; f wheelsPressure[4]; f wheelAngularSpeed[4];
    f tyreWear[4]; f tyreDirtyLevel[4]; f tyreCoreTemperature[4]; f camberRAD[4];
    f suspensionTravel[4]; f drs; f tc; f heading; f pitch; f roll; f cgHeight; f carDamage[5];
    i numberOfTyresOut; i pitLimiterOn; f abs; f kersCharge; f kersInput; i autoShifterOn;
    f rideHeight[2]; f turboBoost; f ballast; f airDensity; f airTemp; f roadTemp;
    f localAngularVel[3]; f finalFF; f performanceMeter; i engineBrake; i ersRecoveryLevel;
    i ersPowerLevel; i ersHeatCharging; i ersIsCharging; f kersCurrentKJ; i drsAvailable;
    i drsEnabled; f brakeTemp[4]; f clutch; f tyreTempI[4]; f tyreTempM[4]; f tyreTempO[4];
    i isAIControlled; f tyreContactPoint[4][3]; f tyreContactNormal[4][3];
    f tyreContactHeading[4][3]; f brakeBias; f localVelocity[3]; i P2PActivations; i P2PStatus;
    i currentMaxRpm""",
)

GRAPHICS = Layout(
    Page.GRAPHICS,
    """i packetId; i status; i session; u currentTime[15]; u lastTime[15]; u bestTime[15];
    u split[15]; i completedLaps; i position; i iCurrentTime; i iLastTime; i iBestTime;
    f sessionTimeLeft; f distanceTraveled; i isInPit; i currentSectorIndex; i lastSectorTime;
    i numberOfLaps; u tyreCompound[33]; x 2; f replayTimeMultiplier; f normalizedCarPosition;
    f carCoordinates[3]; f penaltyTime; i flag; i idealLineOn; i isInPitLane; f surfaceGrip;
    i mandatoryPitDone; f windSpeed; f windDirection; i timeLimitSessionLeft;
    i isEscMenuVisible""",
)

STATIC = Layout(
    Page.STATIC,
    """u smVersion[15]; u acVersion[15]; i numberOfSessions; i numCars; u carModel[33]; u track[33];
    u playerName[33]; u playerSurname[33]; u playerNick[33]; x 2; i sectorCount; f maxTorque;
    f maxPower; i maxRpm; f maxFuel; f suspensionMaxTravel[4]; f tyreRadius[4]; f maxTurboBoost;
    f deprecated_1; f deprecated_2; i penaltiesEnabled; f aidFuelRate; f aidTireRate;
    f aidMechanicalDamage; i aidAllowTyreBlankets; f aidStability; i aidAutoClutch; i aidAutoBlip;
    i hasDRS; i hasERS; i hasKERS; f kersMaxJ; i engineBrakeSettingsCount;
    i ersPowerControllerCount; f trackSPlineLength; u trackConfiguration[33]; x 2; f ersMaxJ;
    i isTimedRace; i hasExtraLap; u carSkin[33]; x 2; i reversedGridPositions; i PitWindowStart;
    i PitWindowEnd""",
)

LAYOUTS = {layout.page: layout for layout in (PHYSICS, GRAPHICS, STATIC)}
"""The layout of each page."""
