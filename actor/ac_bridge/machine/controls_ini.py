"""The game's ``controls.ini``: read it, and say how it differs from what we need. Pure.

Section and key names, and what the shaping settings do: public notes on the game, unverified here.
Own reading rather than `configparser`, which refuses what the game accepts: text before the first
section, keys twice, indented keys, lines without meaning.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ac_bridge.machine.mapping import DELAYS, RESTART, RESTART_RACE, START, WheelMapping

Ini = dict[str, dict[str, str]]
"""Values by section and key, both in upper case, in the file's order."""

NOT_BOUND = "-1"
"""What the game writes where nothing is bound."""

LINEAR = {
    ("STEER", "SCALE"): ("1", "the wheel's end would not be the car's"),
    ("STEER", "STEER_GAMMA"): ("1", "steering would be a power of the action, not the action"),
    ("STEER", "STEER_FILTER"): ("0", "the game would delay every steering action"),
    ("STEER", "SPEED_SENSITIVITY"): ("0", "steering would weaken as the car gets faster"),
    ("BRAKES", "GAMMA"): ("1", "half a brake action would brake far less than half"),
}
"""The settings that shape what the wheel says, the values that leave it alone, and why."""

MAX_LOCK_DEG = 360.0
"""Above twice a car's own lock the game saturates the wheel before its end; few cars lock below
180 degrees."""


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not what we need."""

    section: str
    key: str
    found: str | None
    """None: the file does not say."""
    wanted: str
    why: str
    """What goes wrong with the value found."""
    essential: bool = False
    """Whether the car cannot be driven like this."""

    def __str__(self) -> str:
        found = "missing" if self.found is None else f"{self.found or 'empty'}"
        return f"[{self.section}] {self.key} is {found}, not {self.wanted}"


def decode_ini(data: bytes) -> str:
    """Return the text of an ini file in whichever encoding it was saved. Never fails."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def parse_ini(text: str) -> Ini:
    """Read what can be read; the rest is passed over. A key given twice has its last value."""
    sections: Ini = {}
    current: dict[str, str] | None = None
    for raw in text.splitlines():
        line = raw.partition(";")[0].strip()
        if line.startswith("["):
            current = sections.setdefault(line[1:].partition("]")[0].strip().upper(), {})
        elif current is not None and "=" in line:
            key, _, value = line.partition("=")
            current[key.strip().upper()] = value.strip()
    return sections


def controller_number(ini: Ini, device: str) -> int | None:
    """Return the ``JOY`` number under which the file lists ``device``; None if it does not."""
    for key, name in ini.get("CONTROLLERS", {}).items():
        number = key.removeprefix("CON")
        if key.startswith("CON") and number.isdecimal() and device.lower() in name.lower():
            return int(number)
    return None


def compare(text: str, mapping: WheelMapping) -> list[Difference]:
    """Say how a ``controls.ini`` differs from what driving with ``mapping`` needs.

    Args:
        text: the file's content.
        mapping: what our wheel offers.
    """
    ini = parse_ini(text)
    method = ini.get("HEADER", {}).get("INPUT_METHOD")
    if (method or "").upper() != "WHEEL":
        # Whatever else the file says does not count until then.
        why = "the game does not look at a wheel"
        return [Difference("HEADER", "INPUT_METHOD", method, "WHEEL", why, essential=True)]
    return [
        *_axes(ini, mapping),
        *_device(ini, mapping),
        *_gears(ini, mapping),
        *_shaping(ini),
        *_session(ini, mapping),
    ]


def _axes(ini: Ini, mapping: WheelMapping) -> Iterator[Difference]:
    joy = ini.get("STEER", {}).get("JOY", NOT_BOUND)
    for section, axle in mapping.axles.items():
        essential = (
            section != "CLUTCH"
        )  # the game works the clutch by itself where nothing else does
        values = ini.get(section, {})
        why = f"the action's {section.lower()} would move nothing, or something else"
        if not _same(found := values.get("AXLE"), str(axle)):
            yield Difference(section, "AXLE", found, str(axle), why, essential)
        elif section != "STEER" and not _same(found := values.get("JOY"), joy):
            yield Difference(section, "JOY", found, joy, "it is on another device", essential)
        elif section != "STEER" and not _rising(values):
            found = f"{values.get('MIN')} to {values.get('MAX')}"
            why = "the pedal would be reversed, or not reach its ends"
            yield Difference(section, "MIN to MAX", found, "-1 to 1", why, essential)


def _rising(values: dict[str, str]) -> bool:
    return _same(values.get("MIN"), "-1") and _same(values.get("MAX"), "1")


def _device(ini: Ini, mapping: WheelMapping) -> Iterator[Difference]:
    joy = ini.get("STEER", {}).get("JOY", NOT_BOUND)
    number = controller_number(ini, mapping.device)
    if number is not None and not _same(joy, str(number)):
        why = f"steering is bound to a device other than {mapping.device}"
        yield Difference("STEER", "JOY", joy, str(number), why, essential=True)
    elif number is None:
        named = ini.get("CONTROLLERS", {}).get(f"CON{joy}")
        why = "the game has not been told of the virtual wheel"
        yield Difference("CONTROLLERS", f"CON{joy}", named, mapping.device, why, essential=True)


def _gears(ini: Ini, mapping: WheelMapping) -> Iterator[Difference]:
    for section, what in (("GEARUP", "up"), ("GEARDN", "down")):
        wanted = str(mapping.buttons[section] - 1)  # the game counts buttons from 0
        if not _bound(ini, section, wanted):
            found = ini.get(section, {}).get("BUTTON")
            yield Difference(section, "BUTTON", found, wanted, f"shifting {what} does nothing")


def _shaping(ini: Ini) -> Iterator[Difference]:
    for (section, key), (wanted, why) in LINEAR.items():
        if not _same(found := ini.get(section, {}).get(key), wanted):
            yield Difference(section, key, found, wanted, why)
    lock = ini.get("STEER", {}).get("LOCK")
    if (lock_deg := _number(lock)) is None or lock_deg > MAX_LOCK_DEG:
        why = "in a car that turns its wheel less, steering saturates before the wheel's end"
        yield Difference("STEER", "LOCK", lock, f"{MAX_LOCK_DEG:.0f} or less", why)


def _session(ini: Ini, mapping: WheelMapping) -> Iterator[Difference]:
    restart = str(mapping.restart_button - 1)
    if not any(_bound(ini, section, restart) for section in (RESTART, RESTART_RACE)):
        found = ini.get(RESTART, {}).get("BUTTON")
        yield Difference(RESTART, "BUTTON", found, restart, "a reset cannot restart the session")
    section, key = DELAYS
    if not _same(found := ini.get(section, {}).get(key), "0"):
        why = "Content Manager takes the restart button only when it is held down for a while"
        yield Difference(section, key, found, "0", why)
    start = str(mapping.start_button - 1)
    if not _bound(ini, START, start):
        found = ini.get(START, {}).get("BUTTON")
        why = "a reset cannot leave the session's start menu"
        yield Difference(START, "BUTTON", found, start, why)


def _bound(ini: Ini, section: str, button: str) -> bool:
    values = ini.get(section, {})
    joy = ini.get("STEER", {}).get("JOY")
    return _same(values.get("BUTTON"), button) and values.get("JOY") == joy


def _same(found: str | None, wanted: str) -> bool:
    """Whether two values mean the same number: ``1``, ``1.0`` and ``+1`` do."""
    value = _number(found)
    return value is not None and value == _number(wanted)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
