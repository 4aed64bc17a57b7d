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

    Args:
        given: a file that does not exist yet, or a folder that does.
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
    if not path.is_dir():
        return path
    return path / f"ac-bridge_{_utc(now_ns):%Y%m%dT%H%M%SZ}_{secrets.token_hex(3)}{SUFFIX}"


def _utc(now_ns: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(now_ns / 1e9, dt.UTC)
