"""A recording as one page to look at: laps, two of them compared, the map, timing, events.

The page holds all it needs, plotly's script too, and forbids its own browser to fetch anything: it
can be mailed, and opened without a network. What a recording says is text to it, never markup.

Thinned to what a screen shows: each lap to `report_laps.LAP_POINTS` frames at even distances, fewer
if there are many laps; timing to bars. Everything in the tables is from all frames.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from ac_bridge.data import report_sections as sections
from ac_bridge.data.report_laps import LapRows, best_two, lap_rows
from ac_bridge.data.report_markup import text
from ac_bridge.data.report_reading import gather
from ac_bridge.data.report_timing import Fates, Histogram, as_plain, fates, histograms
from ac_bridge.machine.output import write_text
from ac_bridge_protocol.errors import SettingError
from ac_bridge_recording.reader import Recording

EXTRA_HINT = 'Install the extra: pip install "ac-bridge[data]"'

Progress = Callable[[int], None]


def write_report(path: Path, output: Path, progress: Progress = lambda _: None) -> None:
    """Write the report of a recording.

    Args:
        path: of the recording.
        output: the page; replaced if it is there.
        progress: gets how many records were read, every now and then.

    Raises:
        SettingError: the extra is missing, or the page cannot be written there.
        RecordingError: the recording cannot be read.
    """
    if output.exists() and output.samefile(path):
        raise SettingError(
            f"{output} is the recording itself, which a page would replace.",
            setting="output",
            hint="Name another file, such as report.html.",
        )
    recording = Recording(path)
    page = report(recording, plotly_script(), progress)
    write_text(output, page)


def plotly_script() -> str:
    """Return plotly's own script, which draws in the browser.

    Raises:
        SettingError: the extra ``data`` is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]
    except ImportError as error:
        raise SettingError(
            "A report needs the library plotly, which is not installed.",
            setting="report",
            hint=EXTRA_HINT,
        ) from error
    script: str = get_plotlyjs()
    return script


def report(recording: Recording, plotly: str, progress: Progress = lambda _: None) -> str:
    """Return the report of a recording as a page.

    Args:
        recording: to be told of.
        plotly: the script of `plotly_script`.
        progress: gets how many records were read, every now and then.

    Raises:
        RecordingError: the recording cannot be read.
    """
    gathered = gather(recording, progress)
    began_ns, ended_ns = recording.span_ns()
    rows, bars = lap_rows(gathered), histograms(gathered)
    became = fates(gathered, began_ns)
    script = _resource("page.js")
    title = sections.title(gathered)
    return string.Template(_resource("page.html")).substitute(
        policy=_policy(plotly, script),
        title=text(f"{title}: {recording.path.name}"),
        css=_resource("page.css"),
        heading=text(title),
        subheading=text(sections.when(recording, began_ns, ended_ns)),
        notices=sections.notices(recording, gathered, rows),
        about=sections.about(recording, gathered),
        laps=sections.laps(rows),
        compare=sections.compare(rows),
        timing=sections.timing(gathered, bars, became),
        episodes=sections.episodes(gathered, began_ns),
        events=sections.events(gathered, began_ns),
        footer=sections.footer(recording, rows),
        data=_data(rows, bars, became),
        plotly=plotly,
        script=script,
    )


# --- The page -------------------------------------------------------------------------------------


def _data(found: LapRows, bars: Sequence[Histogram], became: Fates | None) -> str:
    """Return what the script draws, as JSON that cannot end the element it is in."""
    drawn = sections.drawn(found)
    shown = [drawn.index(number) for number in best_two(found.rows)] if found.rows else [0, 0]
    plain: dict[str, Any] = {
        "best": shown,
        "along": "distance along the track" if found.along_track else "distance travelled",
        "laps": [
            {"row": number + 1, "label": sections.label(number, row), **row.trace}
            for number in drawn
            for row in [found.rows[number]]
            if row.trace is not None
        ],
        "histograms": as_plain(bars),
        "fates": None if became is None or not any(became.totals.values()) else _bars(became),
    }
    return orjson.dumps(plain).decode().replace("<", "\\u003c")


def _bars(became: Fates) -> dict[str, Any]:
    return {"times": became.times_s, "bars": became.bars}


def _policy(*scripts: str) -> str:
    """Return what the page allows itself: these scripts, styles of its own, and nothing fetched."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:"
    )


def _resource(name: str) -> str:
    folder = importlib.resources.files("ac_bridge.data").joinpath("report_page")
    return folder.joinpath(name).read_text(encoding="utf-8")
