"""What a recording says of itself, and what it is called in a folder. Pure but for the folder.

Every recorder describes itself alike, so that whoever reads the file need not know who wrote it.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
import secrets
from pathlib import Path

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.spec import EnvSpec
from ac_bridge_recording.topics import RecordedBy

PROTOCOL = "v1"
"""The version of the protocol, as the WebSocket subprotocols name it."""

SUFFIX = ".mcap"


def about(
    recorded_by: RecordedBy, spec: EnvSpec | None, now_ns: int, **more: str
) -> dict[str, str]:
    """Return who records what, as text by name.

    Args:
        recorded_by: where the recording is made.
        spec: what is recorded; an actor has one for each connection, and none of its own.
        now_ns: the time in nanoseconds since 1970-01-01 UTC.
        more: what else there is to say, such as ``uri``.
    """
    said = {
        "software": f"ac-bridge {importlib.metadata.version('ac-bridge')}",
        "protocol": PROTOCOL,
        "recorded_by": recorded_by,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "started": _utc(now_ns).isoformat(timespec="milliseconds"),
    }
    if spec is not None:
        said |= {
            "game": spec.game,
            "mode": spec.mode.value,
            "control_hz": f"{spec.control_hz:g}",
            "telemetry_hz": f"{spec.telemetry_hz:g}",
        }
    return said | more


def new_path(given: str | os.PathLike[str], now_ns: int) -> Path:
    """Return where a new recording goes: the file that was named, or one in the folder that was.

    A name without an ending, such as ``recordings``, is a folder's: the first recording that goes
    there must not be a file that is in the way of the second.

    Args:
        given: a file that does not exist yet, or a folder, which `make_folder` makes if need be.
        now_ns: the time in nanoseconds since 1970-01-01 UTC; files in a folder are named by it,
            and by a random part, as several may begin at once.

    Raises:
        SettingError: it is no path.
    """
    try:
        path = Path(given)
    except TypeError:
        raise SettingError(
            f"A recording goes to a file or a folder, not to {given!r}.",
            setting="record",
            hint='Name one, such as record="drive.mcap".',
        ) from None
    if path.suffix and not path.is_dir():
        return path
    return path / f"ac-bridge_{_utc(now_ns):%Y%m%dT%H%M%SZ}_{secrets.token_hex(3)}{SUFFIX}"


def make_folder(folder: Path) -> None:
    """Make a folder for recordings, unless it is there.

    Raises:
        SettingError: there can be no such folder.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"{folder} cannot be a folder for recordings: {error.strerror}.",
            setting="record",
            hint="Name a folder that you may write to, or a new one within one that is there.",
        ) from error


def _utc(now_ns: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(now_ns / 1e9, dt.UTC)
