"""Shared memory by name: Windows' named mappings, and files in /dev/shm elsewhere.

Whoever reads never creates: a game that is not there must look as if it were not there. That is
why neither `mmap.mmap(-1, ..., tagname=...)`, which creates what it does not find, nor
`multiprocessing.shared_memory`, which on Linux may remove what it only opened, is used.
"""

from __future__ import annotations

import re
import sys

from ac_bridge.game.region import Region
from ac_bridge.settings import REGION_NAME
from ac_bridge_protocol.errors import SettingError

if sys.platform == "win32":
    from ac_bridge.game.regions_windows import create_mapping as _create
    from ac_bridge.game.regions_windows import open_mapping as _open
else:
    from ac_bridge.game.regions_linux import create_file as _create
    from ac_bridge.game.regions_linux import open_file as _open

__all__ = ["Region", "check_name", "create_region", "open_region"]

_NAME = re.compile(REGION_NAME)


def open_region(name: str, min_bytes: int, *, writable: bool = False) -> Region:
    r"""Open a region that somebody else created.

    Args:
        name: of the region, such as ``acpmf_physics``; on Windows it is looked for in the logon
            session (``Local\\``) first, then as it stands.
        min_bytes: what it must at least hold.
        writable: whether to write to it too.

    Raises:
        GameAbsentError: nobody created it.
        PageError: it is smaller than ``min_bytes``, or this user may not open it.
        SettingError: no region can bear that name.
    """
    check_name(name)
    return _open(name, min_bytes, writable=writable)


def create_region(name: str, size_bytes: int) -> Region:
    """Create a region to write to, or take over the one of that name with what it holds.

    As Windows does it: the new owner of a name finds the bytes of the last one if anybody kept
    them. On Linux a file that a killed process left behind is taken over the same way, and the
    file is removed on `close`. A region that another one holds who created it is not taken.

    Raises:
        PageError: somebody who lives created it, or the system refuses it.
        SettingError: no region can bear that name.
    """
    check_name(name)
    return _create(name, size_bytes)


def check_name(name: str, setting: str = "name") -> None:
    """Make sure that a region may bear a name: one that leads to no file elsewhere.

    Args:
        name: what was asked for.
        setting: where it comes from.

    Raises:
        SettingError: it is not a region's name.
    """
    if not _NAME.fullmatch(name):
        raise SettingError(
            f"Shared memory cannot be called {name!r}.",
            setting=setting,
            hint="Take letters, digits, _ . and -, at most 100, the first no . or -.",
        )
