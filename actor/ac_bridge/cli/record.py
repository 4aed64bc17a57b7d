"""`ac-bridge record`: keep what an actor shows to spectators, in a file."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from ac_bridge.cli.options import (
    CaFileOption,
    FingerprintOption,
    TokenFileOption,
    interruptible,
)
from ac_bridge_client.access import Access
from ac_bridge_client.clock import monotonic_s
from ac_bridge_client.exchange import Notice
from ac_bridge_client.spectator import Spectator
from ac_bridge_client.tape import Tape
from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import Telemetry

DRAWN_S = 0.25
"""How often the line on a terminal is drawn, in seconds."""
LINES_S = 10.0
"""How often a line is printed where there is no terminal, in seconds."""


def record(
    uri: Annotated[str, typer.Argument(help="The actor's address, ws://HOST:PORT or wss://...")],
    out: Annotated[
        Path,
        typer.Argument(help="A new file, or a folder: there it is named by the time."),
    ],
    hz: Annotated[
        float | None,
        typer.Option(min=0.1, max=1000, help="Frames a second. Default: all that it samples."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="End after so many seconds. Default: Ctrl+C.")
    ] = None,
    wire: Annotated[
        bool,
        typer.Option(help="Also keep each message as it went over the wire. Half of the size."),
    ] = True,
    token_file: TokenFileOption = None,
    ca_file: CaFileOption = None,
    fingerprint: FingerprintOption = None,
) -> None:
    """Record what an actor shows to spectators: every frame and event, whoever drives.

    A human's lap, too. Nobody who drives is disturbed. A link that is lost is replaced, and the
    recording goes on. The exit status is 0 if a frame was recorded.

    Examples:
        ac-bridge record ws://192.168.1.20:8765 evening.mcap

        ac-bridge record ws://192.168.1.20:8765 recordings --seconds 600 --hz 60

        ac-bridge record wss://relay.example/actors/my-pc lap.mcap --token-file my-pc.token
    """
    console = Console(highlight=False)
    access = Access.gather(None, token_file, ca_file, fingerprint)
    tape, seen = Tape(out, wire=wire), Seen()
    with interruptible():
        spectator = Spectator(
            uri,
            tape,
            hz=hz,
            access=access,
            on_notice=seen.take,
            on_news=lambda said: console.print(Text(said, style="yellow"), soft_wrap=True),
        )
        with spectator:
            rate_hz = hz or spectator.spec.telemetry_hz
            what = f"{spectator.spec.game}, {rate_hz:g} frames a second"
            console.print(Text(f"{uri}: {what}. Ctrl+C ends it."), soft_wrap=True)
            with contextlib.suppress(KeyboardInterrupt):  # the way to end it
                _watch(spectator, tape, seen, console, seconds)
    _conclude(spectator, tape, seen, console)


@dataclasses.dataclass
class Seen:
    """What came in so far."""

    frames: int = 0
    laps: int = 0
    """Laps that were completed while we watched."""
    newest: TelemetryFrame | None = None

    def take(self, notice: Notice) -> None:
        """Count a notice."""
        if not isinstance(notice, Telemetry):
            return
        frame = notice.frame
        if self.newest is not None and frame.completed_laps == self.newest.completed_laps + 1:
            self.laps += 1
        self.frames += 1
        self.newest = frame


def _watch(
    spectator: Spectator, tape: Tape, seen: Seen, console: Console, seconds: float | None
) -> None:
    began_s = monotonic_s()
    every_s = DRAWN_S if console.is_terminal else LINES_S
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while (passed_s := monotonic_s() - began_s) < (seconds or float("inf")):
            spectator.listen(every_s if seconds is None else min(every_s, seconds - passed_s))
            line = _line(spectator, tape, seen)
            if not spectator.connected:
                line = f"no link; {line}"
            if console.is_terminal:
                live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)
            else:
                typer.echo(line)
            if tape.failure:
                return


def _line(spectator: Spectator, tape: Tape, seen: Seen) -> str:
    stats = tape.stats()
    assert stats is not None  # noqa: S101 -- the spectator has begun it
    said = [
        f"{seen.frames:,} frames",
        f"{seen.laps} lap{'' if seen.laps == 1 else 's'}",
        f"{_size_of(stats.path) / 1e6:.1f} MB",
    ]
    if seen.newest is not None:
        said.insert(0, f"{seen.newest.state.value}, {seen.newest.speed_kmh:.0f} km/h")
    lost = {
        "frames left out by the actor": spectator.dropped,
        "records dropped here": sum(stats.dropped.values()),
        "links lost": spectator.links_lost,
    }
    return "; ".join(said + [f"{what}: {count:,}" for what, count in lost.items() if count])


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it was moved away under us
        return 0


def _conclude(spectator: Spectator, tape: Tape, seen: Seen, console: Console) -> None:
    stats = tape.stats()
    assert stats is not None  # noqa: S101 -- the spectator has begun it
    console.print(Text(f"{_line(spectator, tape, seen)}."), soft_wrap=True)
    console.print(Text(f"{stats.summary()}."), soft_wrap=True)
    if stats.failure:
        raise RecordingError(
            stats.failure,
            hint="What was written before that can be read; see ac-bridge inspect.",
        )
    if not seen.frames:
        raise RecordingError(
            "No frame came in.",
            hint="There are none without a running game, and in lockstep only while somebody "
            "drives.",
        )
