"""Where settings come from, and what a bad one is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ac_bridge.settings import load_settings
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.limits import CONNECTIONS, TEXT_CHARACTERS


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file of the machine is picked up."""
    monkeypatch.chdir(tmp_path)


def test_defaults() -> None:
    """Without a word: whatever game there is, loopback, 10 Hz of control and 60 Hz of telemetry."""
    settings = load_settings()
    assert (settings.game, settings.host, settings.port) == ("auto", "127.0.0.1", 8765)
    assert (settings.control_hz, settings.telemetry_hz) == (10.0, 60.0)


def test_what_is_nearer_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag beats a variable, which beats the file, which beats the default."""
    file = tmp_path / "my.toml"
    file.write_text("control_hz = 20\ntelemetry_hz = 100\nhold_s = 1.0\n")
    monkeypatch.setenv("AC_BRIDGE_CONTROL_HZ", "30")
    monkeypatch.setenv("AC_BRIDGE_TELEMETRY_HZ", "120")
    settings = load_settings(file, control_hz=40.0, telemetry_hz=None)
    assert (settings.control_hz, settings.telemetry_hz, settings.hold_s) == (40.0, 120.0, 1.0)


def test_the_track_and_the_games_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a flag, a variable or a line of the file; without a word nothing is chosen."""
    assert (load_settings().track, load_settings().game_dir) == (None, None)
    monkeypatch.setenv("AC_BRIDGE_TRACK", "made_3")
    monkeypatch.setenv("AC_BRIDGE_GAME_DIR", str(tmp_path))
    assert (load_settings().track, load_settings().game_dir) == ("made_3", tmp_path)
    assert load_settings(track="made_4").track == "made_4"
    monkeypatch.setenv("AC_BRIDGE_GAME_DIR", "")
    assert load_settings().game_dir is None


def test_file_in_the_working_directory(tmp_path: Path) -> None:
    """`ac-bridge.toml` is read without being named."""
    (tmp_path / "ac-bridge.toml").write_text('smoothing = "none"\n')
    assert load_settings().smoothing == "none"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("control_hz", 0.5),
        ("control_hz", 101),
        ("telemetry_hz", 9),
        ("telemetry_hz", 334),
        ("control_hz", float("nan")),
        ("hold_s", 0),
        ("late_hold_ticks", -1),
        ("late_hold_ticks", 101),
        ("late_hold_ticks", 1.5),
        ("late_brake", -0.1),
        ("late_brake", 1.1),
        ("late_brake", float("nan")),
        ("grace_s", -1),
        ("grace_s", 3601),
        ("spectators", -1),
        ("spectators", CONNECTIONS + 1),
        ("takeover_key", ""),
        ("takeover_key", "1234567"),
        ("takeover_key", "x" * (TEXT_CHARACTERS + 1)),
        ("smoothing", "silky"),
        ("game", "tetris"),
        ("listen", "nowhere"),
        ("listen", "127.0.0.1:99999"),
        ("driver_token", "short"),
        ("relay", "wss://host/my-pc"),
        ("relay", "https://host/actors/my-pc"),
        ("relay", "wss://host/actors/my pc"),
        ("relay", "wss://my host/actors/my-pc"),
        ("relay", "wss://host:port/actors/my-pc"),
        ("relay", "wss://host:99999/actors/my-pc"),
        ("relay", "wss://:8765/actors/my-pc"),
        ("relay", "wss://[::1/actors/my-pc"),
        ("trusted_proxies", "nonsense"),
        ("allow_origins", "lab.example"),
        ("seed", -1),
        ("gearbox", "none"),
        ("track", "x" * 101),
        ("controller", "feet"),
        ("device_id", 0),
        ("gears", "nobody"),
        ("restart_button", 33),
        ("reset_by", "magic"),
    ],
)
def test_out_of_range_names_the_setting(name: str, value: Any) -> None:
    """A flag out of range is refused with its name and where it came from."""
    with pytest.raises(SettingError) as caught:
        load_settings(**{name: value})
    assert caught.value.setting == name
    assert f"--{name.replace('_', '-')}" in str(caught.value)


@pytest.mark.parametrize("listen", ["0.0.0.0:8765", "192.168.1.20:8765", "[::]:8765", "pc:8765"])
def test_beyond_loopback_a_token_is_needed(listen: str, tmp_path: Path) -> None:
    """Whoever can be reached must know who may come in: by a file, or by the environment."""
    with pytest.raises(SettingError, match="no token") as caught:
        load_settings(listen=listen)
    assert caught.value.setting == "listen"
    assert "token new" in caught.value.hint
    assert load_settings(listen=listen, token_file=tmp_path / "tokens.txt").listen == listen
    assert load_settings(listen=listen, driver_token="x" * 32).listen == listen


def test_a_relay_needs_a_token_too() -> None:
    """At a relay an actor on loopback can be reached from anywhere."""
    with pytest.raises(SettingError, match="no token") as caught:
        load_settings(relay="wss://host/actors/my-pc")
    assert caught.value.setting == "relay"


def test_a_relays_address_holds_no_password() -> None:
    """Every log would repeat it; the error does not."""
    with pytest.raises(SettingError) as caught:
        load_settings(relay="wss://me:sesame@host/actors/my-pc", driver_token="x" * 32)
    assert caught.value.setting == "relay"
    assert "sesame" not in str(caught.value)


def test_a_proxy_needs_a_token_too() -> None:
    """Behind a reverse proxy an actor on loopback can be reached by whoever reaches the proxy."""
    with pytest.raises(SettingError, match="no token") as caught:
        load_settings(trusted_proxies=["127.0.0.1"])
    assert caught.value.setting == "trusted_proxies"


def test_a_certificate_and_its_key_go_together(tmp_path: Path) -> None:
    """One without the other is named."""
    with pytest.raises(SettingError) as caught:
        load_settings(tls_cert=tmp_path / "cert.pem")
    assert caught.value.setting == "tls_key"


def test_several_texts_come_from_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A list in TOML, commas in a variable, a flag that is repeated."""
    monkeypatch.setenv("AC_BRIDGE_ALLOW_ORIGINS", "https://A.example/, http://b.example:8080")
    file = tmp_path / "my.toml"
    file.write_text('trusted_proxies = ["10.0.0.0/8"]\n')
    monkeypatch.setenv("AC_BRIDGE_DRIVER_TOKEN", "x" * 32)
    settings = load_settings(file)
    assert settings.allow_origins == ("https://a.example", "http://b.example:8080")
    assert settings.trusted_proxies == ("10.0.0.0/8",)
    assert load_settings(trusted_proxies=["127.0.0.1"]).trusted_proxies == ("127.0.0.1",)


def test_late_policy_lease_and_spectators() -> None:
    """What is held, for how long and for how many, and the ends of each range."""
    settings = load_settings()
    assert (settings.late_hold_ticks, settings.late_brake) == (2, 0.3)
    assert (settings.grace_s, settings.spectators, settings.takeover_key) == (30.0, 56, None)
    ends = {"late_hold_ticks": (0, 100), "late_brake": (0.0, 1.0), "grace_s": (0.0, 3600.0)}
    for name, values in (ends | {"spectators": (0, CONNECTIONS)}).items():
        for value in values:
            assert getattr(load_settings(**{name: value}), name) == value


def test_the_operators_key_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by printing the settings nor in an error; an empty one would let everybody in."""
    monkeypatch.setenv("AC_BRIDGE_TAKEOVER_KEY", "correct horse")
    settings = load_settings()
    assert settings.takeover_key is not None
    assert settings.takeover_key.get_secret_value() == "correct horse"
    assert "horse" not in repr(settings)
    assert "horse" not in str(settings.model_dump())
    file = tmp_path / "my.toml"
    for wrong in ('"horse"', "4242"):
        file.write_text(f"takeover_key = {wrong}\n")
        monkeypatch.delenv("AC_BRIDGE_TAKEOVER_KEY", raising=False)
        with pytest.raises(SettingError, match="takeover_key") as caught:
            load_settings(file)
        assert wrong.strip('"') not in str(caught.value)


def test_variable_out_of_range_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad variable is named as the variable."""
    monkeypatch.setenv("AC_BRIDGE_HOLD_S", "99")
    with pytest.raises(SettingError, match="AC_BRIDGE_HOLD_S"):
        load_settings()


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"restart_button": 1}, ("shift_up_button", "restart_button")),
        ({"shift_up_button": 3, "shift_down_button": 3}, ("shift_up_button", "shift_down_button")),
        ({"restart_button": 9}, ("restart_button", "start_button")),
    ],
)
def test_one_button_cannot_do_two_things(given: dict[str, int], names: tuple[str, str]) -> None:
    """Both are named."""
    with pytest.raises(SettingError) as caught:
        load_settings(**given)
    assert str(caught.value).startswith("Button ")
    assert all(name in caught.value.message for name in names)
    assert caught.value.setting in names


def test_buttons_may_change_places() -> None:
    """Each number is one button's, whichever."""
    assert load_settings(shift_up_button=7, restart_button=1).highest_button == 9


@pytest.mark.parametrize("text", ["control_rate = 20\n", "control_hz = \n", "\x00"])
def test_bad_files(tmp_path: Path, text: str) -> None:
    """An unknown key or a file that is not TOML is refused, naming key or file."""
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(SettingError, match=r"control_rate|bad\.toml"):
        load_settings(file)


def test_missing_file(tmp_path: Path) -> None:
    """A file that was named must exist."""
    with pytest.raises(SettingError, match="does not exist"):
        load_settings(tmp_path / "no.toml")


def test_loopback_in_every_spelling() -> None:
    """Each spelling of this machine is fine."""
    for listen in ("127.0.0.1:0", "localhost:1", "[::1]:8765", "127.9.9.9:80"):
        assert load_settings(listen=listen).listen == listen
