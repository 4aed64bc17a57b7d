"""The sections of a report's page. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from ac_bridge.data.laps import Cut
from ac_bridge.data.report_laps import LapRow, LapRows
from ac_bridge.data.report_markup import (
    cell,
    lap_time,
    milliseconds,
    note,
    section,
    since,
    span,
    table,
    text,
)
from ac_bridge.data.report_reading import Gathered, Happening
from ac_bridge.data.report_timing import Fates, Histogram, in_lockstep
from ac_bridge_protocol.errors import RecordingError
from ac_bridge_recording.reader import Recording

# --- Head -----------------------------------------------------------------------------------------


def title(gathered: Gathered) -> str:
    """Return what was driven, and where."""
    statics = gathered.statics
    if not statics:
        return "A recording of an unknown car and track"
    layout = f" ({statics['track_configuration']})" if statics["track_configuration"] else ""
    return f"{statics['car_model']} at {statics['track']}{layout}"


def when(recording: Recording, began_ns: int, ended_ns: int) -> str:
    """Return when that was, and for how long."""
    began = dt.datetime.fromtimestamp(began_ns / 1e9, dt.UTC)
    if not ended_ns:
        return f"{recording.path.name}: without a single record"
    return (
        f"{recording.path.name}: {began:%Y-%m-%d %H:%M:%S} UTC, {span((ended_ns - began_ns) / 1e9)}"
    )


def notices(recording: Recording, gathered: Gathered, rows: LapRows) -> str:
    """Return what a reader has to know before reading on."""
    said = []
    if not recording.whole:
        said.append(
            "This recording was cut off: whoever wrote it was ended before it could finish. "
            f"All of it up to its last whole chunk is here; {recording.lost_bytes:,} bytes after "
            "that could not be read."
        )
    if dropped := _dropped(recording, gathered):
        told = ", ".join(f"{count:,} of {topic}" for topic, count in dropped.items())
        said.append(f"The recorder could not keep up, and left out: {told}.")
    if not gathered.frames["x"]:
        said.append("There is no frame in it, so there is nothing to say of any drive.")
    elif not rows.rows:
        said.append("There are no laps in it: the car hardly moved.")
    elif not any(row.timed for row in rows.rows):
        said.append("No lap was finished in it; what was driven is shown all the same.")
    return "\n".join(f'<p class="notice">{text(one)}</p>' for one in said)


def _dropped(recording: Recording, gathered: Gathered) -> dict[str, int]:
    """Return what was left out, by topic: as the end says, or as was known last."""
    try:
        told = {
            name.removeprefix("dropped "): int(count)
            for name, count in recording.result.items()
            if name.startswith("dropped ")
        }
    except ValueError as error:
        raise RecordingError(f"{recording.path} says nonsense at its end: {error}.") from error
    return {**gathered.dropped, **told}


def about(recording: Recording, gathered: Gathered) -> str:
    """Return the facts about the recording."""
    about, counts = dict(recording.about), gathered.counts
    about.pop("format", None)
    facts = [
        ("Recorded by", about.pop("recorded_by", "unknown")),
        ("Software", about.pop("software", "unknown")),
        ("File", "whole" if recording.whole else "cut off"),
        ("Size", f"{recording.path.stat().st_size / 1e6:,.1f} MB"),
        ("Records", ", ".join(f"{count:,} {topic}" for topic, count in counts.items()) or "none"),
        ("Left out by the recorder", f"{sum(_dropped(recording, gathered).values()):,}"),
        ("Laps were cut from", f"{len(gathered.frames['x']):,} frames of {gathered.source}"),
        ("Modes", ", ".join(sorted({one.mode for one in gathered.episodes})) or "no episode"),
    ]
    if gathered.statics.get("track_length_m"):
        facts.append(("Length of the track", f"{gathered.statics['track_length_m']:,.0f} m"))
    facts += [(name.replace("_", " "), value) for name, value in sorted(about.items())]
    listed = "\n".join(f"<div><dt>{text(k)}</dt><dd>{text(v)}</dd></div>" for k, v in facts)
    return f"<dl>\n{listed}\n</dl>"


# --- Laps -----------------------------------------------------------------------------------------


def laps(found: LapRows) -> str:
    """Return the lap table."""
    if not found.rows:
        return section("Laps", note("There are none."))
    places = {number: place for place, number in enumerate(drawn(found))}
    rows = [_lap(number, row, places.get(number)) for number, row in enumerate(found.rows)]
    head = (
        *("", "#", "Episode", "Lap", "Time", "Sectors", "Valid", "Distance", "Top", "Lowest"),
        *("Tyres off", "Gear changes", "Damage"),
    )
    told = (
        "Times are the game's own. Tyres off: most at once, and how long any. Damage: by how much "
        "this lap raised the closing speed of the worst impact."
    )
    if found.left_out:
        told += f" Stretches of a few metres, which are not listed: {found.left_out:,}."
    return section("Laps", note(told) + table(head, rows))


def drawn(found: LapRows) -> list[int]:
    """Return the rows that can be drawn."""
    return [number for number, row in enumerate(found.rows) if row.trace is not None]


def _lap(number: int, row: LapRow, place: int | None) -> tuple[str, list[str]]:
    lap = row.lap
    off = f"{row.tyres_out} ({row.out_s:.1f} s)" if row.tyres_out else "none"
    cells = [
        str(number + 1),
        "" if row.episode is None else str(row.episode),
        str(lap.number),
        lap_time(lap.time_ms) if row.timed else ENDINGS[lap.cut],
        " ".join(f"{ms / 1000.0:.3f}" for ms in lap.sectors_ms if ms),
        "yes" if lap.valid else "cut",
        f"{row.travelled_m:,.0f} m",
        f"{row.top_kmh:.0f} km/h",
        f"{row.least_kmh:.0f} km/h",
        off,
        str(row.gear_changes),
        f"{row.damage_kmh:.0f} km/h" if row.damage_kmh else "none",
    ]
    buttons = "".join(
        f'<button data-which="{which}" data-lap="{place}" title="Show as lap {which.upper()}">'
        f'<span class="{which}">{which.upper()}</span></button> '
        for which in ("a", "b")
        if place is not None
    )
    return f' data-row="{number + 1}"', [f"<td>{buttons}</td>", *map(cell, cells)]


ENDINGS = {
    Cut.LINE: "not counted",
    Cut.RESTART: "restarted",
    Cut.TELEPORT: "moved away",
    Cut.NOT_LIVE: "game not live",
    Cut.GAP: "gap in the recording",
    Cut.END: "end of the recording",
}
"""What the table says instead of the time of a lap that has none."""


def label(number: int, row: LapRow) -> str:
    """Return a lap as the dropdowns name it."""
    lap = row.lap
    time = lap_time(lap.time_ms) if row.timed else f"{row.travelled_m:,.0f} m, {ENDINGS[lap.cut]}"
    cut = "" if lap.valid else " (cut)"
    episode = "" if row.episode is None else f"episode {row.episode}, "
    return f"#{number + 1}: {episode}lap {lap.number}, {time}{cut}"


def compare(found: LapRows) -> str:
    """Return where two laps are compared."""
    if not found.rows:
        return ""
    choices = "\n".join(
        f'<label><span class="{which}">Lap {which.upper()}</span> '
        f'<select id="choose-{which}"></select></label>'
        for which in ("a", "b")
    )
    told = note(
        "Distance is progress along the track's own line, so that both are at the same place."
        if found.along_track
        else "The recording does not tell where along the track the car was: distance is what each "
        "car travelled, and the two laps drift apart by a little."
    )
    return section(
        "Two laps compared",
        f'<div class="choose">\n{choices}\n<button id="swap">swap</button></div>'
        f'<div id="map"></div>{told}<div id="curves"></div>',
    )


# --- Timing, episodes, events ---------------------------------------------------------------------


def timing(gathered: Gathered, bars: Sequence[Histogram], became: Fates | None) -> str:
    """Return histograms, and what became of actions."""
    parts = []
    if in_lockstep(gathered):
        parts.append(
            note(
                "Driven in lockstep: game time waited for each step, so that nothing can be late "
                "and ticks have no error."
            )
        )
    if not bars:
        parts.append(note("The recording has nothing that tells of timing."))
    cards = "\n".join(_histogram(index, one) for index, one in enumerate(bars))
    return section("Timing", "\n".join([*parts, f'<div class="cards">{cards}</div>'])) + section(
        "Late actions", _fates(became)
    )


def _histogram(index: int, one: Histogram) -> str:
    beyond = f"; {one.beyond:,} beyond the axis" if one.beyond else ""
    figures = (
        f"{one.count:,}: median {milliseconds(one.median_ms)}, "
        f"99 % below {milliseconds(one.p99_ms)}, largest {milliseconds(one.max_ms)}{beyond}."
    )
    return (
        f'<div class="card"><h3>{text(one.title)}</h3>'
        f"{note(f'{one.meaning} {figures}')}"
        f'<div class="histogram" id="histogram-{index}"></div></div>'
    )


def _fates(became: Fates | None) -> str:
    if became is None:
        return note("No steps were recorded, so nobody knows of late actions.")
    totals = became.totals
    told = note(
        f"Of {became.steps:,} steps, {totals['late']:,} had an action that came too late. In ticks "
        f"of the actor: {totals['held']:,} held an older action, of these {totals['eased']:,} "
        f"eased to neutral; {totals['planned']:,} ran on an earlier step's plan; the actor itself "
        f"missed {totals['missed']:,}."
    )
    return told + ('<div id="fates"></div>' if any(totals.values()) else "")


def episodes(gathered: Gathered, began_ns: int) -> str:
    """Return the table of episodes."""
    if not gathered.episodes:
        return section("Episodes", note("There are none: nobody drove it by steps."))
    rows = [
        (
            "",
            [
                *map(cell, (str(one.number), since(one.begun_ns, began_ns))),
                *map(cell, (one.mode, f"{one.control_hz:g} Hz")),
                *map(cell, ("" if one.seed is None else str(one.seed), f"{one.steps:,}")),
                *map(cell, (f"{one.late:,}", "" if one.reward is None else f"{one.reward:,.3f}")),
                cell(one.reason or "not recorded"),
            ],
        )
        for one in gathered.episodes
    ]
    head = ("Episode", "At", "Mode", "Rate", "Seed", "Steps", "Late", "Return", "Ended")
    return section("Episodes", table(head, rows))


def events(gathered: Gathered, began_ns: int) -> str:
    """Return the table of events."""
    if not gathered.happenings:
        return section("Events", note("None were recorded."))
    rows = [("", _event(one, began_ns)) for one in gathered.happenings]
    return section("Events", table(("At", "Event", "What it said"), rows))


def _event(one: Happening, began_ns: int) -> list[str]:
    at, kind = cell(since(one.time_ns, began_ns)), cell(one.kind.replace("_", " "))
    return [at, kind, f'<td class="text">{text(one.message)}</td>']


def footer(recording: Recording, rows: LapRows) -> str:
    """Return what was done to the data."""
    return text(
        f"Each lap is drawn by at most {rows.points:,} of its frames, the first at each of as many "
        "even distances; histograms end where 99.5 % of the values do. The tables are from all "
        f"frames. The map is seen from above. Made by ac-bridge from {recording.path.name}."
    )
