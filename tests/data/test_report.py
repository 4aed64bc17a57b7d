"""The page that a report is: complete, closed to the outside, and drawn by a real browser."""

from __future__ import annotations

import builtins
import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ac_bridge.cli import app
from ac_bridge.data import report_markup
from ac_bridge.data.laps import Cut
from ac_bridge.data.report import plotly_script, report, write_report
from ac_bridge.data.report_sections import ENDINGS
from ac_bridge_protocol.errors import RecordingError, SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import Event, EventKind
from ac_bridge_recording.reader import Recording
from ac_bridge_recording.topics import Dropped, EpisodeStart, StepRecord, Topic
from helpers.circles import circle_laps, circle_statics
from helpers.taped import taping
from helpers.wire import make_receipt, make_spec

SPEEDS = (25.0, 30.0, 20.0)
NASTY = "</script><script>document.title='taken'</script><img src='https://example.com/x'>&amp;"

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
with_plotly = pytest.mark.skipif(not find_spec("plotly"), reason="the extra data is not installed")
in_a_browser = pytest.mark.skipif(
    not (CHROMIUM and find_spec("plotly")), reason="no Chromium, or no plotly"
)


def record(path: Path, frames: Sequence[TelemetryFrame], *, steps: bool = True) -> Path:
    """Record an episode of these frames, with every second action late, and an event."""
    statics = circle_statics()
    with taping(path) as tape:
        tape.put(Topic.STATICS, statics)
        tape.put(Topic.EVENT, Event(kind=EventKind.WHEEL_LOST, message=NASTY))
        if steps:
            spec = make_spec()
            start = EpisodeStart(
                episode=1, seed=3, spec=spec, statics=statics, observation=(), frame=frames[0]
            )
            tape.put(Topic.EPISODE_START, start)
        for number, frame in enumerate(frames):
            tape.put(Topic.TELEMETRY, frame, after_s=frame.dt)
            if steps and number % 10 == 9:
                receipt = make_receipt(late=number % 20 == 9, tick_error_s=number * 1e-6)
                values: dict[str, Any] = {"frame": frame, "receipt": receipt, "end": None}
                action = (0.0, 0.0, 0.0)
                step = StepRecord(episode=1, action=action, observation=(), **values)
                tape.put(Topic.STEP, step)
    return path


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a recording of three laps."""
    return record(tmp_path_factory.mktemp("drive") / "drive.mcap", circle_laps(SPEEDS))


@pytest.fixture(scope="module")
def page(drive: Path) -> str:
    """Return the report of the three laps, without plotly's script."""
    return report(Recording(drive), "/* plotly */")


class Elements(HTMLParser):
    """Takes a page apart."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.words: list[str] = []
        self._in = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._in = dict(attrs).get("id") or tag

    def handle_data(self, data: str) -> None:
        self.texts[self._in] = self.texts.get(self._in, "") + data
        if self._in not in ("script", "style", "data"):
            self.words.append(data)

    def data(self) -> Any:
        """Return what the script draws."""
        return json.loads(self.texts["data"])


def words(page: str) -> str:
    """Return what a person reads."""
    return " ".join(" ".join(Elements(page).words).split())


def test_nothing_is_fetched(page: str) -> None:
    """No element refers to anything, and the page's own policy forbids the browser to fetch."""
    elements = Elements(page).found
    for _, attributes in elements:
        assert not {"src", "href", "srcset", "action", "data", "background"} & set(attributes)
    assert "link" not in [tag for tag, _ in elements]
    policy = next(str(a["content"]) for _, a in elements if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "http" not in policy
    assert not re.search(r"@import|url\(", Elements(page).texts["style"])


def test_what_was_recorded_is_text(page: str) -> None:
    """Markup in a message is shown, not obeyed, and cannot end the data's element."""
    scripts = [attributes for tag, attributes in Elements(page).found if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "data"}, {}, {}]
    assert "img" not in [tag for tag, _ in Elements(page).found]
    assert NASTY in words(page)


def test_the_head(page: str, drive: Path) -> None:
    """Says what was driven, when, and by whom it was recorded."""
    said = words(page)
    for part in (
        "cart at circle",
        "2023-11-14 22:13:20 UTC",
        "1 min",
        "Recorded by actor",
        "whole",
    ):
        assert part in said
    assert drive.name in said


def test_the_lap_table(page: str) -> None:
    """Each lap with its time, and buttons to compare it."""
    said = words(page)
    for time in ("0:24.000", "0:20.000", "0:30.000"):
        assert time in said
    rows = [a for tag, a in Elements(page).found if tag == "tr" and "data-row" in a]
    assert [row["data-row"] for row in rows] == ["1", "2", "3"]
    buttons = [a for tag, a in Elements(page).found if tag == "button" and "data-lap" in a]
    assert [(b["data-which"], b["data-lap"]) for b in buttons[:3]] == [
        ("a", "0"),
        ("b", "0"),
        ("a", "1"),
    ]


def test_what_is_drawn(page: str) -> None:
    """The traces of all laps, the best two chosen, and what became of the actions."""
    data = Elements(page).data()
    assert [lap["row"] for lap in data["laps"]] == [1, 2, 3]
    assert data["laps"][1]["label"] == "#2: episode 1, lap 2, 0:20.000"
    assert data["best"] == [1, 0]
    assert sum(data["fates"]["bars"]["late"]) == 187
    assert len(data["histograms"]) == 4
    ids = {attributes.get("id") for _, attributes in Elements(page).found}
    assert {"map", "curves", "fates", "choose-a", "choose-b", "histogram-3"} <= ids


def test_every_end_of_a_lap_has_its_words() -> None:
    """Whatever ended it."""
    assert set(ENDINGS) == set(Cut)


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (0, "There is no frame in it"),
        (1, "There are no laps in it"),
        (300, "No lap was finished in it"),
    ],
)
def test_little_is_a_page_too(tmp_path: Path, frames: int, said: str) -> None:
    """One that says what is not there."""
    path = record(tmp_path / "x.mcap", circle_laps(SPEEDS)[:frames], steps=False)
    page = words(report(Recording(path), ""))
    assert said in page
    assert "nobody drove it by steps" in page
    assert "nobody knows of late actions" in page


def test_a_recording_that_was_cut_off(tmp_path: Path, drive: Path) -> None:
    """Is said to be, with what was lost; the rest is there."""
    path = tmp_path / "cut.mcap"
    path.write_bytes(drive.read_bytes()[:-200_000])
    page = words(report(Recording(path), ""))
    assert "This recording was cut off" in page
    assert "0:24.000" in page


def test_an_empty_recording(tmp_path: Path) -> None:
    """Without a single record there is a page all the same."""
    with taping(tmp_path / "x.mcap"):
        pass
    page = words(report(Recording(tmp_path / "x.mcap"), ""))
    assert "without a single record" in page
    assert "unknown car and track" in page


def test_drops_are_told(tmp_path: Path) -> None:
    """What the recorder could not keep up with stands at the top."""
    with taping(tmp_path / "x.mcap") as tape:
        tape.put(Topic.DROPPED, Dropped(topic="/wire", count=1234))
    assert "left out: 1,234 of /wire" in words(report(Recording(tmp_path / "x.mcap"), ""))


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0 ms"), (0.01234, "0.0123 ms"), (12.34, "12.3 ms"), (1079.6, "1,080 ms")],
)
def test_times_are_read_by_people(value: float, said: str) -> None:
    """Three digits, and no powers of ten."""
    assert report_markup.milliseconds(value) == said


def test_long_tables_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And say how much more there was."""
    monkeypatch.setattr(report_markup, "MOST_ROWS", 2)
    page = report(Recording(record(tmp_path / "x.mcap", circle_laps(SPEEDS))), "")
    assert "1 more are not listed" in words(page)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, drive: Path) -> None:
    """The error says what to install."""
    found = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("plotly"):
            raise ModuleNotFoundError(name)
        return found(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(SettingError) as caught:
        write_report(drive, tmp_path / "x.html")
    assert 'pip install "ac-bridge[data]"' in caught.value.hint


def test_a_recording_that_is_not_there(tmp_path: Path) -> None:
    """Is an error of ours that names it."""
    with pytest.raises(RecordingError, match=r"nothing\.mcap"):
        write_report(tmp_path / "nothing.mcap", tmp_path / "x.html")


@with_plotly
def test_a_folder_that_is_not_there(tmp_path: Path, drive: Path) -> None:
    """Is an error of ours that names the page."""
    with pytest.raises(SettingError, match="missing"):
        write_report(drive, tmp_path / "missing" / "x.html")


def test_the_recording_is_not_replaced(tmp_path: Path, drive: Path) -> None:
    """However it is named."""
    copied = tmp_path / "copied.mcap"
    shutil.copyfile(drive, copied)
    with pytest.raises(SettingError, match="the recording itself"):
        write_report(copied, tmp_path / "." / "copied.mcap")
    assert copied.read_bytes() == drive.read_bytes()


@with_plotly
def test_the_command(tmp_path: Path, drive: Path) -> None:
    """Writes beside the recording, or where it is told to."""
    copied = tmp_path / "copied.mcap"
    shutil.copyfile(drive, copied)
    done = CliRunner().invoke(app, ["report", str(copied)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "copied.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    done = CliRunner().invoke(app, ["report", str(copied), "-o", str(tmp_path / "other.html")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "other.html").stat().st_size > plotly_script().count("\n")


# --- In a browser ---------------------------------------------------------------------------------


OF_A_PAGE = re.compile(r'"traffic_annotation":101845102,"url":"(http[^"]*)"')
"""In Chromium's log of its network: what a page asked for, and not the browser for itself."""


def rendered(path: Path, address: str, profile: Path) -> tuple[Elements, list[str]]:
    """Return a page as Chromium has it once it is drawn, and the addresses that it asked for.

    No name leads anywhere for that browser, so that nothing leaves the machine.
    """
    log = profile / "net.json"
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000"),
        *("--host-resolver-rules=MAP * ~NOTFOUND", "--no-proxy-server", "--no-first-run"),
        *(f"--user-data-dir={profile}", f"--log-net-log={log}", "--dump-dom"),
        path.as_uri() + address,
    ]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    asked = OF_A_PAGE.findall(log.read_text(encoding="utf-8", errors="replace"))
    return Elements(done.stdout.decode()), asked


def body_of(elements: Elements) -> dict[str, str | None]:
    """Return what the script wrote at the page's body."""
    return next(attributes for tag, attributes in elements.found if tag == "body")


@in_a_browser
def test_a_browser_draws_it(tmp_path: Path, drive: Path) -> None:
    """All of it, from the file alone, with the laps that the address names."""
    path = tmp_path / "report.html"
    write_report(drive, path)
    drawn, asked = rendered(path, "#a=3&b=2", tmp_path / "profile")
    body = body_of(drawn)
    assert body["data-drawn"] == str(2 + 4 + 1)  # map and curves, histograms, late actions
    assert body["data-shown"] == "3,2"
    assert float(body["data-delta"] or 0) == pytest.approx(-10.0, abs=0.05)
    assert "data-refused" not in body
    assert asked == []
    titles = {attributes.get("data-title") for _, attributes in drawn.found}
    assert "Download plot as a PNG" in titles
    assert not any("share" in str(title).lower() for title in titles)
    assert "taken" not in drawn.texts["title"]


@in_a_browser
def test_the_map_is_seen_from_above(tmp_path: Path, drive: Path) -> None:
    """The game's z grows downwards on it, its x to the right: else right-hand bends turn left."""
    path = tmp_path / "report.html"
    write_report(drive, path)
    drawn, _ = rendered(path, "", tmp_path / "profile")
    places = [attributes.get("id") for _, attributes in drawn.found]
    on_the_map = drawn.found[places.index("map") : places.index("curves")]
    assert rising(ticks(on_the_map, "ytick"))
    assert rising(ticks(on_the_map, "xtick"))


def ticks(
    elements: list[tuple[str, dict[str, str | None]]], kind: str
) -> list[tuple[float, float]]:
    """Return the values at an axis, in their order from the left or from the top."""
    found = []
    for (_, around), (tag, attributes) in itertools.pairwise(elements):
        if tag == "text" and around.get("class") == kind:
            x, y = re.findall(r"[-\d.]+", str(attributes["transform"]))[:2]
            value = str(attributes["data-unformatted"]).replace("\N{MINUS SIGN}", "-")
            found.append((float(x if kind == "xtick" else y), float(value)))
    return sorted(found)


def rising(found: list[tuple[float, float]]) -> bool:
    """Return whether there are values, and each is greater than the one before."""
    return len(found) > 2 and all(a[1] < b[1] for a, b in itertools.pairwise(found))


@in_a_browser
def test_a_browser_draws_what_little_there_is(tmp_path: Path) -> None:
    """A recording without a frame has no laps to draw, and no error either."""
    path = tmp_path / "report.html"
    write_report(record(tmp_path / "x.mcap", [], steps=False), path)
    drawn, _ = rendered(path, "", tmp_path / "profile")
    assert body_of(drawn) == {"data-drawn": "0"}


@in_a_browser
def test_a_page_that_fetches_would_be_found_out(tmp_path: Path) -> None:
    """The count of requests above counts."""
    path = tmp_path / "other.html"
    path.write_text('<body><img src="https://example.com/x.png">', encoding="utf-8")
    assert rendered(path, "", tmp_path / "profile")[1] == ["https://example.com/x.png"]
