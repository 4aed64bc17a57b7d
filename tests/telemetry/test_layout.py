"""The byte layout of the pages, against the offsets of the facts sheet."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.game import Page
from ac_bridge.telemetry.layout import (
    GRAPHICS,
    LAYOUTS,
    PHYSICS,
    STATIC,
    Layout,
    PageField,
    decode_text,
    encode_text,
)
from helpers.strategies import page_bytes

# Offset, name and type of every field, copied from the facts sheet and not from the code: compiled
# for the Windows ABI, and checked against a capture of Assetto Corsa 1.16.4.
PHYSICS_FACTS = """
0 packetId int32
4 gas float32
8 brake float32
12 fuel float32
16 gear int32
20 rpms int32
24 steerAngle float32
28 speedKmh float32
32 velocity float32[3]
44 accG float32[3]
56 wheelSlip float32[4]
72 wheelLoad float32[4]
88 wheelsPressure float32[4]
104 wheelAngularSpeed float32[4]
120 tyreWear float32[4]
136 tyreDirtyLevel float32[4]
152 tyreCoreTemperature float32[4]
168 camberRAD float32[4]
184 suspensionTravel float32[4]
200 drs float32
204 tc float32
208 heading float32
212 pitch float32
216 roll float32
220 cgHeight float32
224 carDamage float32[5]
244 numberOfTyresOut int32
248 pitLimiterOn int32
252 abs float32
256 kersCharge float32
260 kersInput float32
264 autoShifterOn int32
268 rideHeight float32[2]
276 turboBoost float32
280 ballast float32
284 airDensity float32
288 airTemp float32
292 roadTemp float32
296 localAngularVel float32[3]
308 finalFF float32
312 performanceMeter float32
316 engineBrake int32
320 ersRecoveryLevel int32
324 ersPowerLevel int32
328 ersHeatCharging int32
332 ersIsCharging int32
336 kersCurrentKJ float32
340 drsAvailable int32
344 drsEnabled int32
348 brakeTemp float32[4]
364 clutch float32
368 tyreTempI float32[4]
384 tyreTempM float32[4]
400 tyreTempO float32[4]
416 isAIControlled int32
420 tyreContactPoint float32[4][3]
468 tyreContactNormal float32[4][3]
516 tyreContactHeading float32[4][3]
564 brakeBias float32
568 localVelocity float32[3]
580 P2PActivations int32
584 P2PStatus int32
588 currentMaxRpm int32
"""

GRAPHICS_FACTS = """
0 packetId int32
4 status int32
8 session int32
12 currentTime wchar16[15]
42 lastTime wchar16[15]
72 bestTime wchar16[15]
102 split wchar16[15]
132 completedLaps int32
136 position int32
140 iCurrentTime int32
144 iLastTime int32
148 iBestTime int32
152 sessionTimeLeft float32
156 distanceTraveled float32
160 isInPit int32
164 currentSectorIndex int32
168 lastSectorTime int32
172 numberOfLaps int32
176 tyreCompound wchar16[33]
244 replayTimeMultiplier float32
248 normalizedCarPosition float32
252 carCoordinates float32[3]
264 penaltyTime float32
268 flag int32
272 idealLineOn int32
276 isInPitLane int32
280 surfaceGrip float32
284 mandatoryPitDone int32
288 windSpeed float32
292 windDirection float32
296 timeLimitSessionLeft int32
300 isEscMenuVisible int32
"""

STATIC_FACTS = """
0 smVersion wchar16[15]
30 acVersion wchar16[15]
60 numberOfSessions int32
64 numCars int32
68 carModel wchar16[33]
134 track wchar16[33]
200 playerName wchar16[33]
266 playerSurname wchar16[33]
332 playerNick wchar16[33]
400 sectorCount int32
404 maxTorque float32
408 maxPower float32
412 maxRpm int32
416 maxFuel float32
420 suspensionMaxTravel float32[4]
436 tyreRadius float32[4]
452 maxTurboBoost float32
456 deprecated_1 float32
460 deprecated_2 float32
464 penaltiesEnabled int32
468 aidFuelRate float32
472 aidTireRate float32
476 aidMechanicalDamage float32
480 aidAllowTyreBlankets int32
484 aidStability float32
488 aidAutoClutch int32
492 aidAutoBlip int32
496 hasDRS int32
500 hasERS int32
504 hasKERS int32
508 kersMaxJ float32
512 engineBrakeSettingsCount int32
516 ersPowerControllerCount int32
520 trackSPlineLength float32
524 trackConfiguration wchar16[33]
592 ersMaxJ float32
596 isTimedRace int32
600 hasExtraLap int32
604 carSkin wchar16[33]
672 reversedGridPositions int32
676 PitWindowStart int32
680 PitWindowEnd int32
"""

FACTS = {Page.PHYSICS: PHYSICS_FACTS, Page.GRAPHICS: GRAPHICS_FACTS, Page.STATIC: STATIC_FACTS}
KINDS = {"int32": ("i", 4), "float32": ("f", 4), "wchar16": ("u", 2)}
PADDING = {Page.PHYSICS: (), Page.GRAPHICS: (242, 243), Page.STATIC: (398, 399, 590, 591, 670, 671)}

EACH = pytest.mark.parametrize("layout", [PHYSICS, GRAPHICS, STATIC], ids=["phys", "gfx", "static"])


def facts_of(page: Page) -> list[tuple[int, str, str, list[int]]]:
    """Return offset, name, base type and dimensions of each field of the facts."""
    found = []
    for line in FACTS[page].strip().splitlines():
        offset, name, declared = line.split()
        base, *dimensions = declared.replace("]", "").split("[")
        found.append((int(offset), name, base, [int(d) for d in dimensions]))
    return found


# --- Offsets --------------------------------------------------------------------------------------


@EACH
def test_every_offset_is_that_of_the_facts(layout: Layout) -> None:
    """Names, order, offsets, types and lengths: all of them, and no field more."""
    expected = []
    for offset, name, base, dimensions in facts_of(layout.page):
        kind, _ = KINDS[base]
        count = 1
        for dimension in dimensions:
            count *= dimension
        rows = dimensions[0] if len(dimensions) == 2 else 0
        expected.append(PageField(name=name, kind=kind, count=count, rows=rows, offset=offset))
    assert list(layout.fields.values()) == expected


@EACH
def test_fields_and_padding_cover_the_page(layout: Layout) -> None:
    """No byte belongs to two fields; those that belong to none are the known padding."""
    owners = [0] * layout.page.size_bytes
    for field in layout.fields.values():
        for at in range(field.offset, field.offset + field.size_bytes):
            owners[at] += 1
    assert max(owners) == 1
    assert tuple(at for at, count in enumerate(owners) if count == 0) == PADDING[layout.page]


def test_the_pages_have_the_sizes_of_the_windows_abi() -> None:
    """592, 304 and 684 bytes; public headers stop the graphics page at 296."""
    assert [page.size_bytes for page in Page] == [592, 304, 684]
    assert {page: len(layout.pack({})) for page, layout in LAYOUTS.items()} == {
        Page.PHYSICS: 592,
        Page.GRAPHICS: 304,
        Page.STATIC: 684,
    }


@pytest.mark.parametrize("page", Page)
def test_every_scalar_is_read_from_its_bytes(page: Page) -> None:
    """A value written at a fact's offset by hand, in little-endian, comes out under its name."""
    for number, (offset, name, base, dimensions) in enumerate(facts_of(page), start=1):
        if base == "wchar16":
            continue
        data = bytearray(page.size_bytes)
        count = 1
        for dimension in dimensions:
            count *= dimension
        code = "i" if base == "int32" else "f"
        values = [number * 100 + k for k in range(count)]
        struct.pack_into(f"<{count}{code}", data, offset, *values)
        read = LAYOUTS[page].unpack(bytes(data))
        assert read.pop(name) == (values[0] if count == 1 else tuple(values))
        assert not any(any(v) if isinstance(v, tuple) else v for v in read.values()), name


@pytest.mark.parametrize("page", [Page.GRAPHICS, Page.STATIC])
def test_every_text_is_read_from_its_bytes(page: Page) -> None:
    """UTF-16, two bytes a unit, from the fact's offset on."""
    for offset, name, base, _ in facts_of(page):
        if base != "wchar16":
            continue
        data = bytearray(page.size_bytes)
        data[offset : offset + 8] = b"I\0m\0\xf6\0l\0"
        read = LAYOUTS[page].unpack(bytes(data))
        assert read.pop(name) == "Imöl"
        assert not any(v for v in read.values() if isinstance(v, str)), name


# --- Text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        (b"\0\0", ""),
        (b"a\0\0\0", "a"),
        (b"a\0\0\0b\0", "a"),
        (b"\0\0b\0", ""),
        (b"\xac\x20", "\u20ac"),
        (b"\x3c\xd8\xce\xdf", "\U0001f3ce"),
        (b"\x3c\xd8", "\ufffd"),
        (b"\x3c\xd8a\0", "\ufffda"),
        (b"\xce\xdfa\0", "\ufffda"),
        (b"a\0\x3c\xd8\0\0", "a\ufffd"),
        (b"a\0\0\0\x3c\xd8", "a"),
    ],
)
def test_text_ends_at_its_nul(raw: bytes, text: str) -> None:
    """What is behind it is never shown; half a surrogate pair becomes U+FFFD."""
    assert decode_text(raw) == text


@pytest.mark.parametrize(
    ("text", "units", "raw"),
    [
        ("", 5, b""),
        ("abcd", 5, b"a\0b\0c\0d\0"),
        ("abcde", 5, b"a\0b\0c\0d\0"),
        ("abc\U0001f3ce", 6, b"a\0b\0c\0\x3c\xd8\xce\xdf"),
        ("abc\U0001f3ce", 5, b"a\0b\0c\0"),
        ("\ud800a", 5, b"?\0a\0"),
        ("a", 1, b""),
    ],
)
def test_text_leaves_room_for_its_nul(text: str, units: int, raw: bytes) -> None:
    """It is cut to its units less one, and never in the middle of a surrogate pair."""
    assert encode_text(text, units) == raw


@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    units=st.integers(1, 40),
)
def test_text_is_kept_as_far_as_it_fits(text: str, units: int) -> None:
    """What comes back is a prefix; all of it, if it fits."""
    raw = encode_text(text, units)
    assert len(raw) <= 2 * (units - 1)
    assert text.startswith(decode_text(raw))
    if len(text.encode("utf-16-le")) <= 2 * (units - 1):
        assert decode_text(raw) == text


@given(raw=st.binary(max_size=80).filter(lambda raw: len(raw) % 2 == 0))
def test_any_bytes_are_some_text(raw: bytes) -> None:
    """No error, no NUL, and nothing that cannot be written as UTF-8."""
    text = decode_text(raw)
    assert "\0" not in text
    text.encode()


# --- Packing --------------------------------------------------------------------------------------


def values_of(layout: Layout) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for a few fields' values, as `unpack` gives them."""
    fields = {name: _values_of(field) for name, field in layout.fields.items()}
    some = st.lists(st.sampled_from(sorted(fields)), unique=True, max_size=8)
    return some.flatmap(lambda names: st.fixed_dictionaries({n: fields[n] for n in names}))


def _values_of(field: PageField) -> st.SearchStrategy[Any]:
    if field.kind == "u":
        fits = 2 * (field.count - 1)
        text = st.text(
            st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=field.count
        )
        return text.filter(lambda text: len(text.encode("utf-16-le")) <= fits)
    element: st.SearchStrategy[Any] = (
        st.integers(-(2**31), 2**31 - 1)
        if field.kind == "i"
        else st.floats(width=32, allow_nan=False)
    )
    return element if field.count == 1 else st.tuples(*[element] * field.count)


@EACH
@given(data=st.data())
def test_what_is_packed_is_unpacked(layout: Layout, data: st.DataObject) -> None:
    """Every value comes back, and what was not given is zero or empty."""
    values = data.draw(values_of(layout))
    given_as = {
        name: tuple(value[k : k + 3] for k in range(0, 12, 3))
        if layout.fields[name].rows
        else value
        for name, value in values.items()
    }
    read = layout.unpack(layout.pack(given_as))
    assert {name: read[name] for name in values} == values
    rest = [value for name, value in read.items() if name not in values]
    assert not any(any(v) if isinstance(v, tuple) else v for v in rest)


@EACH
@given(data=st.data())
def test_any_page_unpacks_to_every_name(layout: Layout, data: st.DataObject) -> None:
    """Rubbish has values too."""
    page = data.draw(page_bytes(layout.page))
    assert set(layout.unpack(page)) == set(layout.fields)


def test_matrices_are_given_as_rows() -> None:
    """Four wheels of three coordinates, wheel by wheel."""
    rows = [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0), (10.0, 11.0, 12.0)]
    page = PHYSICS.pack({"tyreContactPoint": rows})
    assert struct.unpack_from("<12f", page, 420) == tuple(range(1, 13))


def test_packing_refuses_an_unknown_name() -> None:
    """A typo is an error, and names the page."""
    with pytest.raises(KeyError, match=r"physics page has no field rpm\b"):
        PHYSICS.pack({"rpm": 1})


@pytest.mark.parametrize(
    "values", [{"rpms": 1.5}, {"gas": "x"}, {"velocity": (1.0, 2.0)}, {"rpms": 2**31}]
)
def test_packing_refuses_a_wrong_value(values: dict[str, Any]) -> None:
    """A wrong type, length or range is no page."""
    with pytest.raises(struct.error):
        PHYSICS.pack(values)


def test_a_getter_picks_in_order() -> None:
    """Scalars as they are, arrays as tuples."""
    page = PHYSICS.pack({"rpms": 7, "gas": 0.5, "velocity": (1.0, 2.0, 3.0)})
    pick = PHYSICS.getter(("velocity", "rpms", "gas"))
    assert pick(PHYSICS.values(page)) == ((1.0, 2.0, 3.0), 7, 0.5)
    with pytest.raises(ValueError, match="two"):
        PHYSICS.getter(("gas",))


@EACH
def test_finiteness_looks_at_every_float(layout: Layout) -> None:
    """NaN or infinity in any float of the page is seen; two infinities do not cancel."""
    assert layout.all_finite(layout.values(layout.pack({})))
    for field in layout.fields.values():
        if field.kind != "f":
            continue
        for at in range(field.offset, field.offset + field.size_bytes, 4):
            for bad in (float("nan"), float("inf"), float("-inf")):
                page = bytearray(layout.page.size_bytes)
                struct.pack_into("<f", page, at, bad)
                assert not layout.all_finite(layout.values(bytes(page))), (field.name, at)
    full = b"\xff\xff\x7f\x7f" * (layout.page.size_bytes // 4)
    assert layout.all_finite(layout.values(full)), "the largest floats add up to a finite sum"


def test_a_declaration_of_the_wrong_size_is_a_bug() -> None:
    """A layout that does not fill its page is refused when it is made."""
    with pytest.raises(AssertionError, match="physics: 4 bytes, not 592"):
        Layout(Page.PHYSICS, "i packetId")
