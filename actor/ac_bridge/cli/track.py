"""`ac-bridge track`: what the game's files say of a track."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ac_bridge.cli.options import GameDirOption, JsonOption, errors_as_json
from ac_bridge.machine.extras import load_extra
from ac_bridge.machine.output import write_bytes, write_text
from ac_bridge.track.build import build
from ac_bridge.track.drawing import picture, png, svg
from ac_bridge.track.files import exists
from ac_bridge.track.library import TrackLibrary, read_file
from ac_bridge.track.raw import RawTrack
from ac_bridge.track.summary import summary
from ac_bridge.track.track import Track
from ac_bridge_protocol.errors import SettingError, TrackError

track = typer.Typer(
    name="track",
    help="Look at a track in the game's own files: figures, or a map.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

NameArgument = Annotated[
    str | None, typer.Argument(help="Folder of the track, such as imola; any case.")
]
LayoutOption = Annotated[str, typer.Option(help="Folder of the layout, where a track has some.")]
AiOption = Annotated[
    Path | None, typer.Option("--ai", help="A fast_lane.ai by itself, wherever it lies.")
]


@track.callback()
def _group() -> None:
    """Look at a track in the game's own files: figures, or a map."""


@track.command("info")
def info(
    name: NameArgument = None,
    layout: LayoutOption = "",
    game_dir: GameDirOption = None,
    ai: AiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a track's length, width, corners, and what its files lack.

    Examples:
        ac-bridge track info imola

        ac-bridge track info ks_nordschleife --layout endurance --json

        ac-bridge track info --ai fast_lane.ai
    """
    with errors_as_json(as_json):
        raw = _read(name, layout, game_dir, ai)
        made = build(raw)
    said = {"name": made.name, "layout": made.layout} | summary(made)
    if as_json:
        typer.echo(json.dumps(said))
    else:
        _show(Console(), raw, said)


@track.command("plot")
def plot(
    name: NameArgument = None,
    layout: LayoutOption = "",
    game_dir: GameDirOption = None,
    ai: AiOption = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help='The picture: .svg, or .png with the extra "data".'),
    ] = Path("track.svg"),
) -> None:
    """Draw a track's map: borders, the line coloured by its curvature, the start, a scale.

    Examples:
        ac-bridge track plot imola -o imola.svg

        ac-bridge track plot --game-dir "D:/Games/assettocorsa" magione -o magione.png
    """
    kind = output.suffix.lower()
    if kind not in (".svg", ".png"):
        raise SettingError(
            f"A map is written as .svg or .png, not as {output}.",
            setting="output",
            hint="Name a file that ends so.",
        )
    made = build(_read(name, layout, game_dir, ai))
    if kind == ".svg":
        write_text(output, svg(picture(made)))
    else:
        write_bytes(output, _png(made))
    Console().print(f"Wrote {output}.", highlight=False)


def _png(made: Track) -> bytes:
    load_extra("PIL.Image", for_what="A map as PNG")
    return png(picture(made))


def _read(name: str | None, layout: str, game_dir: Path | None, ai: Path | None) -> RawTrack:
    if (name is None) is (ai is None):
        raise SettingError(
            "Neither a track nor a file is named."
            if name is None
            else f"It is either the track {name} or the file {ai}, not both.",
            setting="track",
            hint="Name a track of the game (ac-bridge track info imola), or one file "
            "(ac-bridge track info --ai fast_lane.ai).",
        )
    if name is not None:
        return TrackLibrary(game_dir).read(name, layout)
    for setting, said in (("layout", layout), ("game_dir", game_dir)):
        if said:
            raise SettingError(
                f"--{setting.replace('_', '-')} goes with a track's name, not with --ai.",
                setting=setting,
            )
    assert ai is not None  # noqa: S101 -- one of the two is there
    if not exists(ai):
        raise TrackError(
            f"There is no file {ai}.",
            file=str(ai),
            reason="no file",
            hint="--ai takes the path of a fast_lane.ai; a track of the game goes by its name.",
        )
    return read_file(ai)


def _show(console: Console, raw: RawTrack, said: dict[str, Any]) -> None:
    title = f"{raw.name} ({raw.layout})" if raw.layout else raw.name
    table = Table(title=Text(title), show_header=False)
    width = said["width_m"]
    details = raw.details
    rows = [
        ("called", details.name),
        ("where", ", ".join(filter(None, (details.city, details.country)))),
        ("length of the line", f"{said['length_m']:.0f} m, {said['points']} points"),
        ("shape", "closed" if said["closed"] else "from point to point"),
        ("corners", str(said["corners"])),
        (
            "width: least, middle, most",
            f"{width['min']:.1f}, {width['median']:.1f}, {width['max']:.1f} m",
        ),
        ("grip of the road", f"{said['grip']:g}"),
        *(("note", note) for note in said["notes"]),
    ]
    for label, value in rows:
        if value:
            table.add_row(label, Text(value))
    console.print(table)
