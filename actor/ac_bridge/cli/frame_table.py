"""A frame as a person reads it: grouped, with units, and short enough for one screen."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ac_bridge.control.gears import gear_name
from ac_bridge.trials.bench import Look
from ac_bridge.trials.watching import Reading
from ac_bridge_protocol.frame import GameState, TelemetryFrame

STATE_STYLES = {
    GameState.LIVE: "bold green",
    GameState.PAUSED: "bold yellow",
    GameState.STALLED: "bold yellow",
    GameState.WAITING: "bold yellow",
}
"""Every other state is red."""
BAR_CELLS = 20

Row = tuple[str, str]


def frame_table(look: Look, reading: Reading) -> Group:
    """Return everything that a look found."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True, min_width=9)
    table.add_column(style="dim", no_wrap=True, min_width=14)
    table.add_column(no_wrap=True)
    for group, rows in groups_of(look.frame, reading):
        for index, (label, value) in enumerate(rows):
            table.add_row(group if index == 0 else "", label, value)
    return Group(_headline(look), table)


def in_one_line(look: Look) -> str:
    """Return the gist of a look as plain text."""
    frame = look.frame
    if frame is None or not look.live:
        return f"{look.state.value}: {look.message} {look.hint}".rstrip()
    return (
        f"{look.state.value}: {frame.speed_kmh:5.1f} km/h, gear {gear_name(frame.gear)}, "
        f"{frame.rpm} rev/min, steer {frame.steer_angle:+.2f}, throttle {frame.throttle:.2f}, "
        f"brake {frame.brake:.2f}, lap {frame.completed_laps + 1} at "
        f"{frame.normalized_position * 100:.1f} %, {clock_time(frame.current_time)}"
    )


def groups_of(frame: TelemetryFrame | None, reading: Reading) -> list[tuple[str, list[Row]]]:
    """Return the rows to show, by group; those of the reading alone while there is no frame.

    What matters most stands first: a small terminal cuts the end off.
    """
    watching = _reading(reading)
    if frame is None:
        return [("reading", watching)]
    watching.append(("packets", f"physics {frame.packet_id}, graphics {frame.graphics_packet_id}"))
    return [
        ("car", _car(frame)),
        ("controls", _controls(frame)),
        ("reading", watching),
        ("lap", _lap(frame)),
        ("wheels", _wheels(frame)),
        ("session", _session(frame)),
    ]


def _headline(look: Look) -> Text:
    style = STATE_STYLES.get(look.state, "bold red")
    line = Text(look.state.value, style=style).append(f"  {look.message}", style="default")
    if look.hint:
        line.append("\ntry: ", style="bold cyan").append(look.hint, style="default")
    return line.append("\n")


def _reading(reading: Reading) -> list[Row]:
    rate = f"{reading.achieved_hz:.1f} Hz of {reading.hz:g}, {reading.missed} ticks missed"
    return [
        ("rate", rate),
        ("tick error", f"p50 {_us(reading.error_p50_s)}, p99 {_us(reading.error_p99_s)}"),
        ("torn reads", f"{reading.torn_reads}"),
    ]


def _car(frame: TelemetryFrame) -> list[Row]:
    east, up, north = frame.position
    automatic = ", automatic" if frame.auto_shifter_on else ""
    return [
        ("speed", f"{frame.speed_kmh:.1f} km/h"),
        ("gear", f"{gear_name(frame.gear)}{automatic}"),
        ("engine", f"{frame.rpm} of {frame.current_max_rpm} rev/min"),
        ("fuel", f"{frame.fuel:.1f} l"),
        ("position", f"x {east:.1f}, y {up:.1f}, z {north:.1f} m"),
        ("heading", f"{frame.yaw:+.3f} rad, turning {frame.angular_velocity[1]:+.3f} rad/s"),
        ("acceleration", f"sideways {frame.acc_g[0]:+.2f}, ahead {frame.acc_g[2]:+.2f} g"),
        ("damage", " ".join(f"{value:.0f}" for value in frame.car_damage) + " km/h"),
    ]


def _controls(frame: TelemetryFrame) -> list[Row]:
    return [
        ("steer", f"{frame.steer_angle:+.3f}  {_bar((frame.steer_angle + 1) / 2)}"),
        ("throttle", f" {frame.throttle:.3f}  {_bar(frame.throttle)}"),
        ("brake", f" {frame.brake:.3f}  {_bar(frame.brake)}"),
        ("clutch", f" {frame.clutch:.3f}  {_bar(frame.clutch)}  (1: closed)"),
    ]


def _lap(frame: TelemetryFrame) -> list[Row]:
    cut = "valid" if frame.is_valid_lap else "cut"
    return [
        ("lap", f"{frame.completed_laps + 1}, {cut}, {frame.tyres_out} tyres out"),
        ("at", f"{frame.normalized_position * 100:.2f} %, {frame.distance_traveled:.0f} m"),
        ("time", clock_time(frame.current_time)),
        ("last, best", f"{clock_time(frame.last_time)}, {clock_time(frame.best_time)}"),
    ]


def _wheels(frame: TelemetryFrame) -> list[Row]:
    return [
        ("", "     FL      FR      RL      RR"),
        ("core", _four(frame.tyre_core_temp, ".1f") + "  degC"),
        ("pressure", _four(frame.wheel_pressure, ".1f") + "  psi"),
        ("wear", _four(frame.tyre_wear, ".1f") + "  %"),
        ("load", _four(frame.wheel_load, ".0f") + "  N"),
        ("slip", _four(frame.wheel_slip, ".2f")),
        ("speed", _four(frame.wheel_angular_speed, ".1f") + "  rad/s"),
    ]


def _session(frame: TelemetryFrame) -> list[Row]:
    place = "in the pit box" if frame.is_in_pit else "on the track"
    place = "in the pit lane" if frame.is_in_pit_lane and not frame.is_in_pit else place
    return [
        ("session", f"{frame.session_type.name.lower()}, {place}, flag {frame.flag.name.lower()}"),
        ("grip", f"{frame.surface_grip * 100:.0f} %, {frame.tyre_compound or 'no compound named'}"),
        ("weather", f"air {frame.air_temp:.0f}, road {frame.road_temp:.0f} degC"),
    ]


def clock_time(milliseconds: int) -> str:
    """Return a lap time as people write it; a dash for none."""
    if milliseconds <= 0:
        return "-"
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes}:{rest / 1000:06.3f}"


def _four(values: Sequence[float], form: str) -> str:
    return " ".join(f"{value:>7{form}}" for value in values)


def _bar(share: float) -> str:
    # Characters that every Windows console knows.
    filled = round(min(max(share, 0.0), 1.0) * BAR_CELLS)
    return "#" * filled + "." * (BAR_CELLS - filled)


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} us"
