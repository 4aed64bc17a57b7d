"""The libraries of the extra ``policy``, imported when they are needed and not before."""

from __future__ import annotations

from typing import Any

from ac_bridge.machine.extras import load_extra
from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import PolicyRefusedError, SettingError


def load(module: str) -> Any:
    """Return a module of the extra ``policy``.

    Raises:
        PolicyRefusedError: it is not installed; says how to.
    """
    try:
        return load_extra(module, extra="policy", for_what="A policy on the actor")
    except SettingError as error:
        raise PolicyRefusedError(
            PolicyRefusal.NO_RUNTIME, error.message, hint=error.hint
        ) from error
