"""`ac-bridge link-test`: what a link is good for, measured as steps would use it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from ac_bridge.cli.console import EXIT_ERROR
from ac_bridge.cli.options import (
    CaFileOption,
    FingerprintOption,
    JsonOption,
    TokenFileOption,
    errors_as_json,
)
from ac_bridge_client.access import Access
from ac_bridge_client.measure import LinkMeter
from ac_bridge_client.recommend import LinkFigures, Recommendation, figures_of, ms, recommend
from ac_bridge_protocol.spec import EnvSpec, Mode

REFRESH_HZ = 5.0
"""Of the progress bar."""


def link_test(
    uri: Annotated[str, typer.Argument(help="The actor's address, ws://HOST:PORT or wss://...")],
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="How long to measure.")] = 5.0,
    control_hz: Annotated[
        float | None,
        typer.Option(min=1, max=100, help="The control rate to ask about. Default the actor's."),
    ] = None,
    token_file: TokenFileOption = None,
    ca_file: CaFileOption = None,
    fingerprint: FingerprintOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the link to an actor, and recommend a mode, a delay and a control rate for it.

    Run it on the machine that will learn, while the network is as busy as it will be then. Nobody
    who drives is disturbed. The exit status is 1 if the link cannot hold the control rate.

    Examples:
        ac-bridge link-test ws://192.168.1.20:8765

        ac-bridge link-test ws://192.168.1.20:8765 --control-hz 50 --seconds 30

        ac-bridge link-test ws://192.168.1.20:8765 --json

        ac-bridge link-test wss://relay.example/actors/my-pc --token-file my-pc.token
    """
    with errors_as_json(as_json):
        access = Access.gather(None, token_file, ca_file, fingerprint)
        with LinkMeter(uri, access=access) as meter:
            hz = control_hz or meter.spec.control_hz
            figures = figures_of(_measure(meter, hz, seconds, Console(quiet=as_json)))
    found = Finding(
        uri=uri,
        spec=meter.spec,
        hz=hz,
        figures=figures,
        advice=recommend(figures, hz),
        clock_offset_s=meter.clock.offset_s,
        clock_offset_error_s=meter.clock.error_s,
        access=_arguments(token_file=token_file, ca_file=ca_file, fingerprint=fingerprint),
    )
    if as_json:
        typer.echo(json.dumps(found.report()))
    else:
        _show(Console(), found)
    if not found.advice.holds:
        raise typer.Exit(EXIT_ERROR)


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about a link.

    Attributes:
        uri: the actor's address.
        spec: what it offers.
        hz: the control rate that was asked about.
        figures: of the link.
        advice: how to drive over it.
        clock_offset_s: the actor's clock less this machine's.
        clock_offset_error_s: how far off that may be.
        access: what else `RemoteEnv` has to be told, as arguments.
    """

    uri: str
    spec: EnvSpec
    hz: float
    figures: LinkFigures
    advice: Recommendation
    clock_offset_s: float | None
    clock_offset_error_s: float | None
    access: str = ""

    def python(self) -> str:
        """Return the line to write to follow the recommendation."""
        drive = "" if self.spec.mode is Mode.LOCKSTEP else self.advice.arguments()
        said = [f'"{self.uri}"', *(one for one in (drive, self.access) if one)]
        return f"env = RemoteEnv({', '.join(said)})"

    def notes(self) -> list[str]:
        """Return what else there is to say, in sentences."""
        notes = []
        if self.spec.mode is Mode.LOCKSTEP:
            notes.append(
                "This actor runs in lockstep, where time waits for every answer: a slow link makes "
                "it slow, and nothing else. The recommendation is for one in real time."
            )
        elif self.advice.control_hz != self.spec.control_hz:
            notes.append(
                f"Start the actor with --control-hz {self.advice.control_hz:g}; this one runs at "
                f"{self.spec.control_hz:g}."
            )
        if self.advice.mode is Mode.FIXED_DELAY:
            notes.append(f"Mode latest would do up to {self.advice.latest_hz:.3g} Hz.")
        return notes

    def report(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "uri": self.uri,
            "actor_mode": self.spec.mode.value,
            "asked_hz": self.hz,
            "link": dataclasses.asdict(self.figures),
            "clock_offset_s": self.clock_offset_s,
            "clock_offset_error_s": self.clock_offset_error_s,
            "recommendation": dataclasses.asdict(self.advice),
            "notes": self.notes(),
            "python": self.python(),
        }


def _arguments(**given: Path | str | None) -> str:
    """Return arguments as they are written in Python, without those that were not given."""
    return ", ".join(f"{name}={json.dumps(str(said))}" for name, said in given.items() if said)


def _measure(meter: LinkMeter, hz: float, seconds: float, console: Console) -> list[float]:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        console=console,
        transient=True,
        auto_refresh=False,  # no thread of its own beside what is measured
    ) as progress:
        task = progress.add_task(f"{hz:g} pings a second for {seconds:g} s", total=1.0)

        def on_ping(sent: int, of: int) -> None:
            if sent % max(1, round(hz / REFRESH_HZ)) == 0:
                progress.update(task, completed=sent / of, refresh=True)

        return meter.measure(hz, seconds, on_ping)


def _show(console: Console, found: Finding) -> None:
    figures, advice = found.figures, found.advice
    table = Table(title=f"Link to {found.uri}", show_header=False, title_justify="left")
    table.add_row("round trips", f"{figures.round_trips}, {found.hz:g} a second")
    table.add_row("least", ms(figures.least_s))
    table.add_row("p50", ms(figures.p50_s))
    table.add_row("p99", ms(figures.p99_s))
    table.add_row("worst", ms(figures.worst_s))
    table.add_row("jitter", f"{ms(figures.jitter_s)} from one to the next")
    table.add_row("as if lost once", f"{figures.outliers}")
    if found.clock_offset_s is not None and found.clock_offset_error_s is not None:
        offset = f"{found.clock_offset_s:+.6f} s, to within {ms(found.clock_offset_error_s)}"
        table.add_row("clock offset", offset)
    console.print(table)
    delay = (
        f", a delay of {advice.delay_ticks} tick{'s' if advice.delay_ticks > 1 else ''}"
        if advice.delay_ticks
        else ""
    )
    chosen = f"mode {advice.mode.value}{delay}, {advice.control_hz:g} Hz"
    console.print(Text(chosen, style="bold green" if advice.holds else "bold yellow"))
    for sentence in (advice.why, *found.notes()):
        console.print(Text(sentence))
    console.print(Text(f"\n    {found.python()}", style="bold"), soft_wrap=True)
