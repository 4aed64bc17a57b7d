"""The stand-in's track as files of a game's folder, and the line that they hold."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from ac_bridge.standin import StandinGame
from ac_bridge.standin.install import InstallFolder, install_files
from ac_bridge.standin.layouts import circuit_named
from ac_bridge.standin.racing_line import MARGIN_M, racing_line
from ac_bridge.track.library import TrackLibrary
from ac_bridge_protocol.errors import GameError

NAMES = ("standin_ring", "made_1", "made_4")


@pytest.mark.parametrize("name", NAMES)
def test_the_line_stays_on_the_tarmac_and_bends_less(name: str) -> None:
    """Less bending than the middle, so that it is faster, and never too near the edge."""
    circuit = circuit_named(name)
    line = racing_line(circuit)
    assert np.abs(line.offset_m).max() <= circuit.half_width_m - MARGIN_M + 1e-9

    def bending(points: np.ndarray) -> float:
        steps = np.diff(np.vstack([points, points[:2]]), axis=0)
        heading = np.unwrap(np.arctan2(steps[:, 0], steps[:, 1]))
        return float(np.sum(np.diff(heading) ** 2))

    middle = np.array([circuit.place(at)[:2] for at in line.distance_m.tolist()])
    assert bending(line.xz_m) < 0.8 * bending(middle)
    assert 8.0 < line.speed_m_s.min() < line.speed_m_s.max() < 70.0


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_the_circuit(name: str) -> None:
    """Borders at the kerbs' outer edges, the first point on the timing line, nothing missing."""
    circuit = circuit_named(name)
    folder = InstallFolder(circuit)
    track = TrackLibrary(folder.path).load(name, "", circuit.length_m)
    assert track.closed
    assert track.length_m == pytest.approx(circuit.length_m)
    assert track.notes == ()
    for at in np.linspace(0.0, circuit.length_m, 50).tolist():
        x_m, z_m, heading = circuit.place(at, 1.0)
        place = track.project(x_m, z_m)
        assert place.centre_m == pytest.approx(1.0, abs=0.6)
        assert place.left_m == pytest.approx(circuit.edge_m - 1.0, abs=0.6)
        assert place.right_m == pytest.approx(circuit.edge_m + 1.0, abs=0.6)
        assert np.cos(place.heading_rad - heading) > 0.95
    start_m = track.project(*circuit.place(0.0)[:2]).distance_m
    assert min(start_m, track.length_m - start_m) < 0.5
    assert track.speed_m_s is not None


def test_the_same_circuit_gives_the_same_bytes() -> None:
    """Whoever writes it."""
    assert install_files(circuit_named("made_2")) == install_files(circuit_named("made_2"))


def test_the_folder_goes_with_its_game(tmp_path: Path) -> None:
    """Made when it is asked for, gone after the game is closed, or when nobody has it any more."""
    game = StandinGame(lockstep=True)
    folder = game.game_dir
    assert (folder / "content/tracks/standin_ring/ai/fast_lane.ai").is_file()
    assert game.game_dir == folder
    game.close()
    assert not folder.exists()
    kept = InstallFolder(circuit_named("made_1"))
    path = kept.path
    del kept
    gc.collect()
    assert not path.exists()


def test_a_disk_that_takes_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do."""

    def full(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ac_bridge.standin.install.write_install", full)
    with pytest.raises(GameError, match="No space left"):
        InstallFolder(circuit_named("made_1"))
