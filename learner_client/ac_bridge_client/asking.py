"""What a reset can be asked with, as Gymnasium's ``options``. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.helpers import reset_options
from ac_bridge_protocol.starts import Start, start_in


class ResetOptions(NamedTuple):
    """What a reset can be asked with, beside its seed."""

    takeover: str = ""
    """The operator's key; empty for none."""
    start: Start | None = None
    """Where on the track; None leaves it to the game."""


def read_options(options: Mapping[str, Any] | None) -> ResetOptions:
    """Return the options of a reset.

    Raises:
        SettingError: an option that nothing would read, a key that is not text, or no start.
    """
    options = reset_options(
        options,
        ResetOptions._fields,
        hint="There are two: takeover, the operator's key, and start, where on the track.",
    )
    key = options.get("takeover", "")
    if not isinstance(key, str):
        raise SettingError("The operator's key is text.", setting="takeover")
    return ResetOptions(key, start_in(options))
