"""The libraries of the extras, imported when they are needed and not before."""

from __future__ import annotations

import importlib
from typing import Any

from ac_bridge_protocol.errors import SettingError


def load_extra(module: str, *, for_what: str, extra: str = "data") -> Any:
    """Return a module of an extra.

    Args:
        module: its name.
        for_what: what needs it, as the beginning of a sentence.
        extra: of which it is.

    Raises:
        SettingError: it is not installed; says how to.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SettingError(
            f"{for_what} needs {module.partition('.')[0]}, and that cannot be imported: {error}.",
            setting=extra,
            hint=f'Install the extra: pip install "ac-bridge[{extra}]"',
        ) from error
