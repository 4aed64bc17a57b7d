"""Shared memory by name: Windows' named mappings, and files in /dev/shm elsewhere.

Whoever reads never creates: a game that is not there must look as if it were not there. That is
why neither `mmap.mmap(-1, ..., tagname=...)`, which creates what it does not find, nor
`multiprocessing.shared_memory`, which on Linux may remove what it only opened, is used.
"""

from __future__ import annotations

import sys

from ac_bridge.game.region import Region

if sys.platform == "win32":
    from ac_bridge.game.regions_windows import create_mapping as _create
    from ac_bridge.game.regions_windows import open_mapping as _open
else:
    from ac_bridge.game.regions_linux import create_file as _create
    from ac_bridge.game.regions_linux import open_file as _open

__all__ = ["Region", "create_region", "open_region"]


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
    """
    return _open(name, min_bytes, writable=writable)


def create_region(name: str, size_bytes: int) -> Region:
    """Create a region to write to, or take over the one of that name with what it holds.

    As Windows does it: the new owner of a name finds the bytes of the last one if anybody kept
    them. On Linux a file that a killed process left behind is taken over the same way, and the
    file is removed on `close`.

    Raises:
        PageError: the system refuses it.
    """
    return _create(name, size_bytes)
