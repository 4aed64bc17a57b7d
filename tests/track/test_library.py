"""An installed game's tracks: found, read whole, and what is passed over or refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ac_bridge.machine import steam
from ac_bridge.track.library import TrackLibrary, check_game_dir, read_file
from ac_bridge.track.raw import TrackDetails
from ac_bridge_protocol.errors import SettingError, TrackError
from helpers.machine import make_game
from helpers.track_files import ai_bytes, ring_points, write_full_track, write_track


@pytest.mark.parametrize("layout", ["", "short"])
def test_a_track_is_read_whole(tmp_path: Path, layout: str) -> None:
    """Line, edges, surfaces and texts, under the folders' own names; nothing to note."""
    write_full_track(tmp_path, "ring", layout)
    raw = TrackLibrary(tmp_path).read("RING", layout.upper())
    assert (raw.name, raw.layout) == ("ring", layout)
    np.testing.assert_allclose(raw.line_xyz_m, ring_points(), atol=1e-4)
    assert raw.side_left_m is not None
    assert raw.side_right_m is not None
    assert (raw.side_left_m[0], raw.side_right_m[0]) == (6.0, 4.0)
    assert raw.speed_m_s is not None
    assert raw.edge_left_xz_m is not None
    assert raw.edge_right_xz_m is not None
    np.testing.assert_allclose(np.hypot(*raw.edge_left_xz_m.T), 107.0, atol=1e-4)
    np.testing.assert_allclose(np.hypot(*raw.edge_right_xz_m.T), 95.0, atol=1e-4)
    assert {one.key: one.friction for one in raw.surfaces} == {
        "ROAD": 0.97, "GRASS": 0.6, "PIT": 0.9
    }  # fmt: skip
    assert raw.details == TrackDetails(name="The Ring", length_text="628 m", pitboxes_text="12")
    assert raw.notes == ()


def test_a_track_is_made_of_it(tmp_path: Path) -> None:
    """As long as the game says; the edges are the borders."""
    write_full_track(tmp_path, "ring")
    track = TrackLibrary(tmp_path).load("ring", "", 630.0)
    assert track.closed
    assert track.length_m == 630.0
    assert track.curvature_per_m == pytest.approx(0.01, abs=1e-3)
    place = track.project(100.0, 0.0)
    assert place.heading_rad == pytest.approx(0.0, abs=0.06)
    assert (place.left_m, place.right_m) == pytest.approx((7.0, 5.0), abs=0.2)
    assert track.grip == 0.97


def test_a_line_alone_is_enough(tmp_path: Path) -> None:
    """What is missing beside it is None or empty."""
    write_track(tmp_path, "ring")
    raw = TrackLibrary(tmp_path).read("ring", "")
    assert raw.edge_left_xz_m is raw.edge_right_xz_m is None
    assert raw.details == TrackDetails()
    assert raw.surfaces == ()
    assert raw.notes == ("No surfaces.ini tells a surface: what the ground is like is open.",)


@pytest.mark.parametrize(
    ("file", "data", "note"),
    [
        ("side_l", b"1,2\n", "line 1 has 2 columns"),
        ("side_r", b"", "line 1 ends with 0 of at least 2"),
        ("surfaces", bytes(2**20 + 1), "more than 1048576"),
        ("ui", b"not json", "ui_track.json is not JSON"),
    ],
)
def test_a_damaged_extra_is_passed_over(tmp_path: Path, file: str, data: bytes, note: str) -> None:
    """With a note, and one can drive."""
    write_full_track(tmp_path, "ring")
    write_track(tmp_path, "ring", **{file: data})
    raw = TrackLibrary(tmp_path).read("ring", "")
    assert len(raw.notes) == 1
    assert note in raw.notes[0]
    assert TrackLibrary(tmp_path).load("ring", "").length_m > 600.0


def test_folders_in_the_place_of_extras(tmp_path: Path) -> None:
    """Each is a note."""
    base = write_track(tmp_path, "ring")
    places = ["data/side_l.csv", "data/side_r.csv", "data/surfaces.ini"]
    for name in (*places, "ui/ui_track.json"):
        (base / name).mkdir(parents=True)
    notes = TrackLibrary(tmp_path).read("ring", "").notes
    assert sum("is a folder, not a file" in note for note in notes) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and links as Linux has them")
def test_pipes_and_loops_in_the_place_of_files(tmp_path: Path) -> None:
    """Extras are passed over; a line is refused. Nothing waits."""
    base = write_track(tmp_path, "ring")
    (base / "data").mkdir()
    os.mkfifo(base / "data" / "side_l.csv")
    (base / "data" / "side_r.csv").symlink_to("side_r.csv")
    notes = TrackLibrary(tmp_path).read("ring", "").notes
    assert sum(note.startswith("Passed over: ") for note in notes) == 2
    (base / "ai" / "fast_lane.ai").unlink()
    os.mkfifo(base / "ai" / "fast_lane.ai")
    with pytest.raises(TrackError, match="is not a plain file"):
        TrackLibrary(tmp_path).read("ring", "")


def test_a_track_without_a_line(tmp_path: Path) -> None:
    """Says where it should be; a line not yet accepted is none."""
    line = write_track(tmp_path, "ring") / "ai" / "fast_lane.ai"
    line.rename(line.with_name("fast_lane.ai.candidate"))
    with pytest.raises(TrackError, match=r"ring has no line") as caught:
        TrackLibrary(tmp_path).load("ring", "")
    assert (caught.value.reason, caught.value.file) == ("no line", str(line))
    assert caught.value.hint


def test_a_damaged_line_is_refused(tmp_path: Path) -> None:
    """With its whole path and the byte."""
    write_track(tmp_path, "ring", ai=ai_bytes(ring_points())[:100])
    with pytest.raises(TrackError, match="ends before") as caught:
        TrackLibrary(tmp_path).read("ring", "")
    assert caught.value.file.startswith(str(tmp_path))
    assert caught.value.offset == 100


def test_one_file_alone(tmp_path: Path) -> None:
    """Has its own name; payloads may be missing."""
    file = tmp_path / "pit_lane.ai"
    file.write_bytes(ai_bytes(ring_points(), payloads=0, tail=b""))
    raw = read_file(file)
    assert (raw.name, raw.layout) == ("pit_lane", "")
    assert raw.side_left_m is raw.speed_m_s is None
    assert len(raw.notes) == 1
    with pytest.raises(TrackError, match="does not exist"):
        read_file(tmp_path / "none.ai")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The error names the setting."""
    with pytest.raises(TrackError, match=r"none.*--game-dir DIR.*game_dir") as caught:
        TrackLibrary(tmp_path / "none").load("ring", "")
    assert caught.value.reason == "no game"


def test_a_game_folder_is_checked(tmp_path: Path) -> None:
    """By what is in it, in any case; none at all is one that is still to be looked for."""
    check_game_dir(None)
    with pytest.raises(SettingError, match=r"no folder .*none.*--game-dir DIR") as caught:
        check_game_dir(tmp_path / "none")
    assert caught.value.setting == "game_dir"
    with pytest.raises(SettingError, match=r"no content/tracks in .*--game-dir DIR"):
        check_game_dir(tmp_path)
    (tmp_path / "Content" / "Tracks").mkdir(parents=True)
    check_game_dir(tmp_path)


def test_the_game_is_looked_for_when_first_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the Steam libraries, until it is found, and not again then."""
    asked = []

    def roots() -> list[Path]:
        asked.append(1)
        return [tmp_path]

    monkeypatch.setattr(steam, "steam_roots", roots)
    tracks = TrackLibrary()
    assert not asked
    with pytest.raises(TrackError, match=r"Steam library.*--game-dir DIR.*game_dir"):
        tracks.read("ring", "")
    game = make_game(tmp_path / steam.GAME)
    write_track(game, "ring")
    assert tracks.read("ring", "").name == "ring"
    assert tracks.read("ring", "").name == "ring"
    assert len(asked) == 2


FILES = ("ai", "side_l", "side_r", "surfaces", "ui")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from(FILES), data=st.binary(max_size=60), track=st.text(max_size=6))
def test_any_folder_is_a_track_or_refused(
    tmp_path: Path, file: str, data: bytes, track: str
) -> None:
    """Whatever is in a file, and whatever the game's page names."""
    write_full_track(tmp_path, "ring")
    write_track(tmp_path, "ring", **{file: data})
    if file == "ai":
        with pytest.raises(TrackError):
            TrackLibrary(tmp_path).load("ring", "")
    else:
        assert TrackLibrary(tmp_path).load("ring", "").length_m > 600.0
    with pytest.raises(TrackError):
        TrackLibrary(tmp_path).load(track, track)
