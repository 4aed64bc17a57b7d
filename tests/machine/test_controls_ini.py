"""The game's controls file: any text is read, and each difference is named."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.machine.controls_ini import (
    LINEAR,
    compare,
    controller_number,
    decode_ini,
    parse_ini,
)
from ac_bridge.machine.mapping import UINPUT, VJOY, WheelMapping
from helpers.machine import KEYBOARD_CONTROLS, good_controls


def differences(text: str, mapping: WheelMapping = VJOY) -> dict[tuple[str, str], bool]:
    """Return what differs, and whether it is essential."""
    return {(d.section, d.key): d.essential for d in compare(text, mapping)}


def changed(section: str, key: str, value: str | None) -> str:
    """Return good controls with one value changed, or taken out."""
    ini = parse_ini(good_controls(VJOY))
    assert key in ini[section]
    if value is None:
        del ini[section][key]
    else:
        ini[section][key] = value
    return "".join(
        f"[{name}]\n" + "".join(f"{k}={v}\n" for k, v in values.items())
        for name, values in ini.items()
    )


# --- Reading --------------------------------------------------------------------------------------


def test_what_the_game_accepts_is_read() -> None:
    """Spaces, comments, text before sections, odd lines, doubled keys and sections, any case."""
    text = """lost=1
    [Steer] ; the wheel
      joy = 0 ; first
    AXLE=1
    nonsense
    AXLE=0
    [GEARUP]\t
    KEY=0x58; X
    [STEER]
    LOCK=900=
    [broken
    A=1
    """
    assert parse_ini(text) == {
        "STEER": {"JOY": "0", "AXLE": "0", "LOCK": "900="},
        "GEARUP": {"KEY": "0x58"},
        "BROKEN": {"A": "1"},
    }


@given(st.text())
def test_any_text_can_be_compared(text: str) -> None:
    """No text makes it fail; none but a full set of bindings has no differences."""
    assert compare(text, VJOY)
    assert compare("[HEADER]\nINPUT_METHOD=WHEEL\n" + text, VJOY)


@pytest.mark.parametrize(
    "data",
    [
        "[A]\r\nB=ü".encode(),
        codecs.BOM_UTF8 + "[A]\nB=ü".encode(),
        "[A]\nB=ü".encode("utf-16"),
        codecs.BOM_UTF16_BE + "[A]\nB=ü".encode("utf-16-be"),
        "[A]\nB=ü".encode("cp1252"),
    ],
)
def test_encodings_are_told_apart(data: bytes) -> None:
    """UTF-8 with and without a mark, UTF-16 either way round, the old Windows one."""
    assert parse_ini(decode_ini(data)) == {"A": {"B": "ü"}}


@given(st.binary())
def test_any_bytes_are_decoded(data: bytes) -> None:
    """Rubbish becomes rubbish, not an error."""
    assert isinstance(decode_ini(data), str)


def test_controllers_are_found_by_name() -> None:
    """By part of the name, in either case; other keys of the section do not count."""
    ini = parse_ini("[CONTROLLERS]\nCON0=G29\nPGUID0=vjoy device\nCON2=vJoy Device (2)\nCONX=a")
    assert controller_number(ini, "vJoy Device") == 2
    assert controller_number(ini, "G29") == 0
    assert controller_number(ini, "T300") is None
    assert controller_number({}, "G29") is None


# --- Comparing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mapping", [VJOY, UINPUT])
def test_our_own_preset_has_no_differences(mapping: WheelMapping) -> None:
    """What setup writes is what doctor wants."""
    assert compare(good_controls(mapping), mapping) == []


def test_numbers_may_be_spelled_otherwise() -> None:
    """1.0 is 1."""
    text = good_controls(VJOY).replace("=1\n", "=1.0\n").replace("=0\n", "=0.000\n")
    assert compare(text.replace("JOY=0.000", "JOY=0"), VJOY) == []


@pytest.mark.parametrize("text", ["", "[HEADER]\n", KEYBOARD_CONTROLS])
def test_another_input_method_is_all_that_is_said(text: str) -> None:
    """Nothing else counts until the game looks at a wheel."""
    assert differences(text) == {("HEADER", "INPUT_METHOD"): True}


@pytest.mark.parametrize(
    ("section", "key", "value", "essential"),
    [
        ("STEER", "AXLE", "1", True),
        ("STEER", "AXLE", None, True),
        ("THROTTLE", "AXLE", "2", True),
        ("BRAKES", "AXLE", "x", True),
        ("BRAKES", "JOY", "1", True),
        ("CLUTCH", "AXLE", "-1", False),
        ("GEARUP", "BUTTON", "1", False),
        ("GEARDN", "JOY", "-1", False),
        ("BRAKES", "GAMMA", "2.4", False),
        ("STEER", "LOCK", "900", False),
        ("STEER", "LOCK", None, False),
        ("__CM_RESET_SESSION", "BUTTON", "-1", False),
        ("__CM_START_SESSION", "BUTTON", None, False),
        ("__EXTRA_CM", "DELAY_SPECIFIC_SYSTEM_COMMANDS", None, False),
    ],
)
def test_one_wrong_value_is_named(
    section: str, key: str, value: str | None, essential: bool
) -> None:
    """And nothing else, with what was found; essential if the car cannot be driven with it."""
    (difference,) = compare(changed(section, key, value), VJOY)
    assert difference.section == section
    assert difference.essential is essential
    assert difference.why
    shown = "BUTTON" if section == "GEARDN" else key
    assert str(difference).startswith(f"[{section}] {shown} is ")


@pytest.mark.parametrize(("section", "key"), LINEAR)
def test_whatever_bends_the_wheel_is_named(section: str, key: str) -> None:
    """Each setting that shapes what the wheel says."""
    assert differences(changed(section, key, "0.7")) == {(section, key): False}


@pytest.mark.parametrize(("low", "high"), [("1", "-1"), ("0", "1")])
def test_pedals_must_rise_over_their_whole_travel(low: str, high: str) -> None:
    """Reversed, or half."""
    ini = good_controls(VJOY).replace("AXLE=1\nMIN=-1\nMAX=1", f"AXLE=1\nMIN={low}\nMAX={high}")
    (difference,) = compare(ini, VJOY)
    assert str(difference) == f"[THROTTLE] MIN to MAX is {low} to {high}, not -1 to 1"


def test_another_device_is_named() -> None:
    """Bound to a real wheel while ours is listed, and while it is not."""
    listed = good_controls(VJOY).replace("CON0=vJoy Device", "CON0=G29\nCON1=vJoy Device")
    (difference,) = compare(listed, VJOY)
    assert str(difference) == "[STEER] JOY is 0, not 1"
    assert difference.essential
    unlisted = good_controls(VJOY).replace("vJoy Device", "G29")
    (difference,) = compare(unlisted, VJOY)
    assert str(difference) == "[CONTROLLERS] CON0 is G29, not vJoy Device"
    assert difference.essential


def test_the_games_own_restart_may_be_bound_instead() -> None:
    """Either section restarts."""
    text = good_controls(VJOY).replace("[__CM_RESET_SESSION]", "[RESET_RACE]")
    assert compare(text, VJOY) == []
