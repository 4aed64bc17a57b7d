"""`ac-bridge track`: figures and maps from files as the game has them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ac_bridge.cli import app
from ac_bridge.standin.install import write_install
from ac_bridge.standin.layouts import circuit_named
from ac_bridge_protocol.errors import SettingError, TrackError

RUN = CliRunner()


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A game's folder with one track."""
    folder = tmp_path_factory.mktemp("game")
    write_install(circuit_named("made_3"), folder)
    return folder


def test_info_as_json(game: Path) -> None:
    """What programs read, of a track and of the same file by itself."""
    result = RUN.invoke(app, ["track", "info", "MADE_3", "--game-dir", str(game), "--json"])
    said = json.loads(result.stdout)
    assert said["length_m"] == pytest.approx(circuit_named("made_3").length_m, rel=0.05)
    assert said["name"] == "made_3"
    assert said["closed"] is True
    assert said["corners"] >= 4
    assert said["points"] > 500
    assert said["width_m"].keys() == {"min", "median", "max"}
    assert said["width_m"]["median"] == pytest.approx(13.0, abs=0.3)
    alone = game / "content/tracks/made_3/ai/fast_lane.ai"
    lone = json.loads(RUN.invoke(app, ["track", "info", "--ai", str(alone), "--json"]).stdout)
    assert lone["length_m"] == pytest.approx(said["length_m"])


def test_info_for_people(game: Path) -> None:
    """A table with the same figures."""
    result = RUN.invoke(app, ["track", "info", "made_3", "--game-dir", str(game)])
    assert result.exit_code == 0
    assert "corners" in result.stdout
    assert "closed" in result.stdout


def test_plot_draws_a_map(game: Path, tmp_path: Path) -> None:
    """SVG that a browser reads, and PNG, of the same picture."""
    image_of = pytest.importorskip("PIL.Image", reason="Pillow is of the extra 'data'")
    for name in ("map.svg", "map.png"):
        output = tmp_path / name
        arguments = ["track", "plot", "made_3", "--game-dir", str(game), "-o", str(output)]
        result = RUN.invoke(app, arguments)
        assert result.exit_code == 0, result.output
        assert str(output) in result.stdout.replace("\n", "")
    drawn = ET.fromstring((tmp_path / "map.svg").read_text())  # noqa: S314 -- our own
    kinds = {element.tag.rpartition("}")[2] for element in drawn}
    assert kinds == {"rect", "polygon", "polyline", "text"}
    with image_of.open(tmp_path / "map.png") as image:
        assert image.width == 1000
        assert len(image.getcolors(1 << 20) or []) > 20


@pytest.mark.parametrize(
    ("arguments", "setting", "said"),
    [
        (["info"], "track", "Neither a track nor a file"),
        (["info", "made_3", "--ai", "x.ai"], "track", "either the track made_3 or the file x.ai"),
        (["info", "--ai", "x.ai", "--layout", "gp"], "layout", "--layout goes with"),
        (["info", "--ai", "x.ai", "--game-dir", "gp"], "game_dir", "--game-dir goes with"),
        (["plot", "made_3", "-o", "map.jpeg"], "output", ".svg or .png"),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: list[str], setting: str, said: str
) -> None:
    """Says which argument, and what does."""
    result = RUN.invoke(app, ["track", *arguments])
    assert isinstance(result.exception, SettingError)
    assert result.exception.setting == setting
    assert said in result.exception.message


def test_what_is_not_there_is_said(game: Path, tmp_path: Path) -> None:
    """A track, a file, a game; and as JSON for programs."""
    missing = ["track", "info", "monza", "--game-dir", str(game)]
    assert isinstance(RUN.invoke(app, missing).exception, TrackError)
    assert isinstance(
        RUN.invoke(app, ["track", "info", "--ai", str(tmp_path)]).exception, TrackError
    )
    absent = RUN.invoke(app, ["track", "info", "--ai", str(tmp_path / "none.ai")]).exception
    assert isinstance(absent, TrackError)
    assert absent.message == f"There is no file {tmp_path / 'none.ai'}."
    assert "--ai takes" in absent.hint
    said = RUN.invoke(app, [*missing, "--json"])
    assert said.exit_code != 0
    assert "monza" in said.stdout
