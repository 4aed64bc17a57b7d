"""The actor's settings: flags, then `AC_BRIDGE_*` variables, then a TOML file, then defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ac_bridge.net.addresses import is_loopback, networks
from ac_bridge.net.tokens import TokenBook
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.limits import CONNECTIONS, TEXT_CHARACTERS
from ac_bridge_protocol.relay import name_in

DEFAULT_CONFIG = Path("ac-bridge.toml")
"""Read from the working directory where it exists."""

CONTROL_HZ = (1.0, 100.0)
"""Control rates that make sense: below, nobody drives; above, the game's 333 Hz steps show."""
TELEMETRY_HZ = (10.0, 333.0)
"""Telemetry rates: up to the game's physics rate."""
KEY_CHARACTERS = 8
"""Least length of the operator's key: an empty one would let everybody take the car."""
REGION_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$"
"""Names of shared memory, and what they begin with. On Linux they are files' names: never a path,
never hidden, and short enough for every system."""


Texts = Annotated[tuple[str, ...], NoDecode]
"""Several texts; in a variable, with commas between them."""


class Settings(BaseSettings):
    """What the settings of all our programs have in common."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the parent's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: what was said last and nearest wins."""
        toml = settings_cls.model_config.get("toml_file")
        files = (TomlConfigSettingsSource(settings_cls),) if toml else ()
        return init_settings, env_settings, *files


class ListeningSettings(Settings):
    """What the settings of programs that listen have in common: how these fields are checked."""

    @field_validator("listen", check_fields=False)
    @classmethod
    def _check_listen(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise ValueError("must be HOST:PORT, such as 127.0.0.1:8765")
        return value

    @field_validator("allow_origins", "trusted_proxies", mode="before", check_fields=False)
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies", check_fields=False)
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        networks(value)
        return value

    @field_validator(
        "driver_token", "spectator_token", "relay_token", "park_token", "list_token",
        check_fields=False,
    )  # fmt: skip
    @classmethod
    def _check_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                TokenBook.of(driver=value.get_secret_value())
            except SettingError as error:
                said = error.message.removeprefix("The driver token ").rstrip(".")
                raise ValueError(f"it {said}; is there a space at its end?") from None
        return value

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        cert, key = getattr(self, "tls_cert", None), getattr(self, "tls_key", None)
        if (cert is None) != (key is None):
            missing = "tls_cert" if cert is None else "tls_key"
            raise SettingError(
                "A certificate and its private key go together, and one of them was given.",
                setting=missing,
                hint=f"Add --{missing.replace('_', '-')}; ac-bridge cert new makes such a pair.",
            )
        return self

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self._listens_on[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on; 0 for a free one."""
        return int(self._listens_on[1])

    @property
    def _listens_on(self) -> tuple[str, str]:
        host, _, port = str(getattr(self, "listen", "")).rpartition(":")
        return host, port


SettingsT = TypeVar("SettingsT", bound=Settings)


class ActorSettings(ListeningSettings):
    """Everything that can be set about an actor.

    Each field that is no secret is a flag of `ac-bridge actor`.
    """

    model_config = SettingsConfigDict(env_prefix="AC_BRIDGE_")

    game: Literal["auto", "shm", "standin"] = "auto"
    """The game to drive: ``shm`` is whatever publishes Assetto Corsa's pages on this machine,
    ``standin`` the stand-in, ``auto`` the first if pages are there at the start, else the second.
    """
    controller: Literal["auto", "vjoy", "uinput", "standin"] = "auto"
    """The virtual wheel; ``auto`` takes vJoy on Windows, uinput elsewhere, the stand-in's its own.
    ``standin`` is also the wheel of `ac-bridge simulate`."""
    device_id: int = Field(default=1, ge=1, le=16)
    """Number of the vJoy device."""
    wheel_name: str = Field(default="ac_bridge_wheel", pattern=REGION_NAME)
    """The wheel of an `ac-bridge simulate`, where several run side by side."""
    page_prefix: str = Field(default="acpmf_", pattern=REGION_NAME)
    """What the names of the game's pages begin with."""
    listen: str = "127.0.0.1:8765"
    """Address and port; port 0 takes a free one. Anything but loopback needs a token."""
    token_file: Path | None = None
    """A file of tokens, one ``driver TOKEN`` or ``spectator TOKEN`` a line, read anew whenever it
    changes; `ac-bridge token new` writes one."""
    driver_token: SecretStr | None = None
    """Whoever shows it may drive and watch. In the environment or a file, never a flag."""
    spectator_token: SecretStr | None = None
    """Whoever shows it may watch. In the environment or a file, never a flag."""
    tls_cert: Path | None = None
    """PEM file of a certificate: with it and tls_key the actor serves ``wss://``."""
    tls_key: Path | None = None
    """PEM file of the certificate's private key."""
    allow_origins: Texts = ()
    """Origins of web pages that may connect, such as ``https://lab.example``. None but the actor's
    own otherwise."""
    trusted_proxies: Texts = ()
    """Addresses or networks of proxies whose ``X-Forwarded-For`` is believed."""
    relay: str | None = None
    """A relay to park at, ``wss://HOST/actors/NAME``: learners reach the actor there."""
    relay_token: SecretStr | None = None
    """What lets this actor park. In the environment or a file, never a flag."""
    relay_ca_file: Path | None = None
    """PEM file of the authority that signed the relay's certificate."""
    relay_fingerprint: str | None = None
    """Of the relay's certificate, if that is self-signed."""
    announce: bool = False
    """Announce this actor on the local network, for `ac-bridge actors`."""
    announce_name: str | None = Field(default=None, max_length=63)
    """The name that it is announced under; the machine's own otherwise."""
    control_hz: float = Field(default=10.0, ge=CONTROL_HZ[0], le=CONTROL_HZ[1])
    """Control ticks a second."""
    telemetry_hz: float = Field(default=60.0, ge=TELEMETRY_HZ[0], le=TELEMETRY_HZ[1])
    """Frames a second."""
    lockstep: bool = False
    """Game time stands still between steps, where the game can do that."""
    seed: int = Field(default=0, ge=0, lt=2**53)
    """Of the stand-in's draws until a reset brings its own."""
    smoothing: Literal["none", "conservative", "moderate", "aggressive"] = "moderate"
    """Between action and wheel."""
    hold_s: float = Field(default=0.5, gt=0, le=5.0)
    """How long after the last action came in the car is let go of, in seconds; at least one and a
    half control periods."""
    late_hold_ticks: int = Field(default=2, ge=0, le=100)
    """Control ticks without an action through which the last one holds; after them the wheel eases
    to neutral, where it is when the car is let go of."""
    late_brake: float = Field(default=0.3, ge=0.0, le=1.0)
    """How far the brake goes while the wheel eases to neutral, 0 to 1."""
    grace_s: float = Field(default=30.0, ge=0.0, le=3600.0)
    """How long a driver whose link was lost keeps the car, in seconds; the car itself is let go of
    after hold_s."""
    spectators: int = Field(default=56, ge=0, le=CONNECTIONS)
    """Most spectators at once."""
    takeover_key: SecretStr | None = None
    """Whoever resets with this key takes the car from its driver; without one nobody can."""
    emergency_key: Literal[
        "none", "f8", "f9", "f10", "f11", "f12", "insert", "delete", "home", "end", "page_up",
        "page_down", "scroll_lock",
    ] = "f12"  # fmt: skip
    """The key of this machine that stops the car at once, whoever drives, in whichever window; on
    Windows. Shift and the key lets it be driven again. So do Enter and ``go`` at the actor's
    terminal, everywhere; ``none`` is neither."""
    gearbox: Literal["automatic", "sequential"] = "automatic"
    """The stand-in's gearbox."""
    track: str | None = Field(default=None, max_length=100)
    """The stand-in's track: standin_ring, or made_N, which is drawn from the number N."""
    game_dir: Path | None = None
    """The game's folder, for its tracks' files; otherwise it is looked for in Steam's libraries."""
    gears: Literal["game", "actor", "learner"] = "game"
    """Who shifts: the game's automatic gearbox, the actor by engine speed, or the learner by a
    fourth component of its action."""
    shift_up_button: int = Field(default=1, ge=1, le=32)
    """Button that shifts up, numbered from 1 (AC's GEARUP BUTTON is one less)."""
    shift_down_button: int = Field(default=2, ge=1, le=32)
    """Button that shifts down."""
    restart_button: int = Field(default=7, ge=1, le=32)
    """Button that restarts the session."""
    start_button: int = Field(default=9, ge=1, le=32)
    """Button that starts a session that waits for it."""
    reset_by: Literal["buttons", "command_port"] = "buttons"
    """How a reset is asked for. ``command_port`` is experimental and unverified on a live game."""
    record: Path | None = None
    """A folder into which everything that the actor serves is recorded, a file for each run."""
    record_wire: bool = True
    """Record the WebSocket messages of every connection, too."""
    spool: Path | None = None
    """A folder for learners whose policy acts here: what it lives through waits in it until they
    have it. Without one no such learner is welcome."""
    spool_mib: int = Field(default=1024, ge=1, le=1024 * 1024)
    """How much may wait, in MiB."""
    spool_when_full: Literal["stop", "drop_oldest"] = "stop"
    """What happens then: the car stops, or the oldest is given up, and counted."""
    raise_priority: bool = True
    """Run one priority class above normal on Windows, so that other programs do not delay ticks."""
    restart: bool = False
    """Start the actor again when it died, with growing waits."""

    @field_validator("emergency_key", mode="before")
    @classmethod
    def _in_small_letters(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("game_dir", mode="before")
    @classmethod
    def _look_for_it(cls, value: object) -> object:
        return None if value == "" else value  # an empty path would be the working directory

    @field_validator("allow_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            scheme, _, rest = origin.partition("://")
            if scheme not in ("http", "https") or not rest.rstrip("/") or "/" in rest.rstrip("/"):
                raise ValueError(f"{origin!r} is no origin; write it as https://lab.example:8443")
        return tuple(origin.rstrip("/").lower() for origin in value)

    @field_validator("relay")
    @classmethod
    def _check_relay(cls, value: str | None) -> str | None:
        if value is not None:
            scheme, _, rest = value.partition("://")
            host, slash, path = rest.partition("/")
            if "@" in host:  # a secret, perhaps, that every log would repeat
                raise SettingError(
                    "There is no user name or password in a relay's address.",
                    setting="relay",
                    hint="The relay's token goes into AC_BRIDGE_RELAY_TOKEN.",
                )
            named = name_in(slash + path) is not None
            if scheme not in ("ws", "wss") or not named or not _can_be_dialled(value):
                raise ValueError("must be wss://HOST/actors/NAME, such as wss://host/actors/my-pc")
        return value

    @field_validator("takeover_key")
    @classmethod
    def _check_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not KEY_CHARACTERS <= len(value) <= TEXT_CHARACTERS:
            raise ValueError(f"must have {KEY_CHARACTERS} to {TEXT_CHARACTERS} characters")
        return value

    @model_validator(mode="after")
    def _check_reach(self) -> Self:
        has_token = bool(self.token_file or self.driver_token or self.spectator_token)
        if not is_loopback(self.host) and not has_token:
            raise SettingError(
                f"{self.host} is reachable from other machines, and this actor has no token to "
                "tell who may come in.",
                setting="listen",
                hint="Make one (ac-bridge token new --file tokens.txt) and add --token-file "
                "tokens.txt; or listen on 127.0.0.1.",
            )
        if self.trusted_proxies and not has_token:
            raise SettingError(
                "Through a proxy this actor can be reached from elsewhere, and it has no token to "
                "tell who may come in.",
                setting="trusted_proxies",
                hint="Make one (ac-bridge token new --file tokens.txt) and add --token-file "
                "tokens.txt.",
            )
        if self.relay and not has_token:
            raise SettingError(
                "At a relay this actor can be reached from anywhere, and it has no token to tell "
                "who may come in.",
                setting="relay",
                hint="Make one (ac-bridge token new --file tokens.txt) and add --token-file "
                "tokens.txt.",
            )
        return self

    @model_validator(mode="after")
    def _check_buttons(self) -> Self:
        taken: dict[int, str] = {}
        for name, button in self._buttons.items():
            other = taken.setdefault(button, name)
            if other != name:
                raise SettingError(
                    f"Button {button} cannot be both {other} and {name}.",
                    setting=name,
                    hint="Give each of the four buttons a number of its own.",
                )
        return self

    @property
    def highest_button(self) -> int:
        """The highest button that is pressed."""
        return max(self._buttons.values())

    @property
    def _buttons(self) -> dict[str, int]:
        return {
            "shift_up_button": self.shift_up_button,
            "shift_down_button": self.shift_down_button,
            "restart_button": self.restart_button,
            "start_button": self.start_button,
        }


def _can_be_dialled(uri: str) -> bool:
    """Whether there is a host in an address, and a port that can be one, or none."""
    try:
        parts = urlsplit(uri)
        return bool(parts.hostname) and parts.port != 0 and not set(uri) & set(" \t\r\n")
    except ValueError:
        return False


def load_settings(config: Path | None = None, **given: Any) -> ActorSettings:
    """Gather the actor's settings; see `gather`."""
    return gather(ActorSettings, DEFAULT_CONFIG, config, given)


def gather(
    kind: type[SettingsT], default: Path, config: Path | None, given: Mapping[str, Any]
) -> SettingsT:
    """Gather settings from every source.

    Args:
        kind: of settings.
        default: the TOML file to read if it exists and no other one is named.
        config: another TOML file.
        given: what was said outright, which beats every other source. None counts as not said.

    Raises:
        SettingError: names the setting, what is wrong with it, and where it came from.
    """
    if config is not None and not config.is_file():
        raise SettingError(
            f"The settings file {config} does not exist.", setting="config", hint="Check its path."
        )
    path = config or (default if default.is_file() else None)
    read = type(kind.__name__, (kind,), {"model_config": kind.model_config | {"toml_file": path}})
    said = {name: value for name, value in given.items() if value is not None}
    try:
        found: SettingsT = read(**said)
    except ValidationError as error:
        raise _explain(error, kind, said, path) from None
    except ValueError as error:  # a TOML file that is not TOML
        raise SettingError(
            f"The settings file {path} cannot be read: {error}.", setting="config"
        ) from None
    return found


def _explain(
    error: ValidationError, kind: type[BaseSettings], said: dict[str, Any], path: Path | None
) -> SettingError:
    problem = error.errors(include_url=False)[0]
    match problem.get("ctx"):
        case {"error": SettingError() as ours}:  # about several settings together
            return ours
    name = str(problem["loc"][0]) if problem["loc"] else "settings"
    if problem["type"] == "extra_forbidden":
        known = ", ".join(kind.model_fields)
        return SettingError(
            f"There is no setting {name!r} (in {path or 'the environment'}).",
            setting=name,
            hint=f"There are: {known}.",
        )
    reason = problem["msg"].removeprefix("Value error, ")
    reason = reason[0].lower() + reason[1:]
    if name in said:
        source = f"--{name.replace('_', '-')}"
    else:
        prefix = kind.model_config.get("env_prefix", "")
        source = f"{prefix}{name.upper()}" + (f" or {path}" if path else "")
    field = kind.model_fields.get(name)
    secret = field is not None and "SecretStr" in str(field.annotation)
    value = "what was given" if secret else repr(problem.get("input"))
    return SettingError(
        f"The setting {name} cannot be {value}: {reason}.",
        setting=name,
        hint=f"It came from {source}.",
    )
