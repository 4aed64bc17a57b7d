"""Ini files and the menu's texts: read as the game reads them, however they are written."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.track.details import TEXT_CHARACTERS, read_details
from ac_bridge.track.ini import number, read_ini
from ac_bridge.track.raw import Surface, TrackDetails
from ac_bridge.track.surfaces import read_surfaces
from helpers.track_files import SYSTEM_SURFACES, TRACK_SURFACES


def test_numbers_begin_a_value() -> None:
    """What is none, or not finite, is 0."""
    data = b"[A]\nB= -1.5e1 m\nC=.5// half\nD=five\nE=1e999\nF=7,5\nG=\nH=+3."
    section = read_ini(data)["A"]
    assert [number(section, key) for key in "BCDEFGHX"] == [-15.0, 0.5, 0, 0, 7.0, 0, 3.0, 0]


def test_a_tracks_surfaces_take_the_place_of_the_games() -> None:
    """By their key; numbers end at the first gap; what is missing is 0."""
    assert read_surfaces(SYSTEM_SURFACES.encode(), TRACK_SURFACES.encode()) == (
        Surface("ROAD", 0.97, is_valid_track=True, is_pitlane=False),
        Surface("GRASS", 0.6, is_valid_track=False, is_pitlane=False),
        Surface("PIT", 0.9, is_valid_track=True, is_pitlane=True),
    )
    assert read_surfaces() == read_surfaces(b"", b"[SURFACE_1]\nKEY=ROAD\n") == ()
    assert read_surfaces(b"[surface_0]") == (Surface("", 0.0, False, False),)


SAID = {"name": "Spa", "length": "7 004 m", "width": "8-15", "pitboxes": 28, "run": "clockwise"}
READ = TrackDetails(
    name="Spa", length_text="7 004 m", width_text="8-15", pitboxes_text="28", run_text="clockwise"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_details_in_any_encoding(encoding: str) -> None:
    """Numbers become texts; what is neither is left out."""
    said = SAID | {"country": "Österreich", "city": None, "author": ["a"], "version": True}
    details, notes = read_details(json.dumps(said, ensure_ascii=False).encode(encoding))
    assert details == dataclasses.replace(READ, country="Österreich")
    assert notes == ()


def test_raw_line_breaks_are_no_fault() -> None:
    """They are common in descriptions."""
    details, notes = read_details(b'{"description": "two\r\nlines\tand a tab"}')
    assert details.description == "two\r\nlines\tand a tab"
    assert notes == ()


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"Sp\\u0061","length":"7 004 m","width":"8-15","pitboxes":28,"run":"clockwise",}',
        '{"pitboxes": 28 "width":"8-15"\n "run"  : "clockwise" "length":"7 004 m", "name": "Spa',
        '// x\n{"name":"Spa","length":"7 004 m","width":"8-15","pitboxes":28,"run":"clockwise" [',
    ],
)
def test_what_is_not_json_is_picked(text: str) -> None:
    """Commas too many or too few, comments, a file that is cut off: with a note."""
    details, notes = read_details(text.encode())
    assert details == READ
    assert notes == ("is not JSON: 5 texts were picked out of it",)


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b'"name"', b"[" * 100_000, b"\0\xff"])
def test_rubbish_says_nothing(data: bytes) -> None:
    """No details, one note."""
    details, notes = read_details(data)
    assert details == TrackDetails()
    assert len(notes) == 1


def test_texts_can_be_sent() -> None:
    """Half a character becomes a question mark; endless texts are cut; odd escapes stay."""
    said = '{"name": "a\\ud800b", "author": "%s"}' % ("x" * 3000)
    details, _ = read_details(said.encode())
    assert details.name == "a?b"
    assert details.author == "x" * TEXT_CHARACTERS
    assert read_details(b'{"name": "a\\qb"}')[0].name == "a\\qb"


@pytest.mark.parametrize("piece", ['"name":', '"name":"', '\\"', '"name"' + " " * 50, '"\\', "[{"])
def test_no_file_is_slow(piece: str) -> None:
    """As large as is read, of whatever repeats: the test would not end."""
    text = piece * (2**20 // len(piece))
    read_details(text.encode())
    read_details(b"{" + text.encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "run", "length", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()), st.integers(0))
def test_any_bytes_have_details(data: bytes, cut: int) -> None:
    """Whole or cut off; and every text can be encoded."""
    for piece in (data, data[: cut % (len(data) + 1)]):
        details, _ = read_details(piece)
        for text in dataclasses.astuple(details):
            assert len(text.encode()) <= 4 * TEXT_CHARACTERS


LINES = st.lists(
    st.sampled_from(["[SURFACE_0]", "[SURFACE_1]", "KEY=A", "FRICTION=", "[PARAMETERS]", "WIDTH=1"])
    | st.text(max_size=9)
).map("\n".join)


@given(st.binary(max_size=300) | LINES.map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_have_surfaces(data: bytes) -> None:
    """Perhaps none, but always with finite numbers."""
    assert all(math.isfinite(surface.friction) for surface in read_surfaces(data, data))
