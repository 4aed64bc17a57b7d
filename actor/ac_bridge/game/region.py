"""One piece of memory that processes share by its name, whatever the system calls it."""

from __future__ import annotations

import abc

from ac_bridge_protocol.errors import PageError
from ac_bridge_protocol.helpers import Closing


class Region(Closing, abc.ABC):
    """A named piece of shared memory, mapped. One thread at a time may use it.

    Attributes:
        name: what it was asked for by.
        size_bytes: how much of it there is; on Windows a whole number of 4096-byte pages.
    """

    def __init__(self, name: str, size_bytes: int) -> None:
        self.name = name
        self.size_bytes = size_bytes

    @abc.abstractmethod
    def read(self, size_bytes: int) -> bytes:
        """Return one bulk copy of the first ``size_bytes``; zeros stand for what is not there.

        Nothing keeps a writer from writing at the same time: whoever needs a copy of one moment
        takes two and compares them.

        Raises:
            PageError: the region is closed, or somebody made it smaller than was agreed on.
        """

    @abc.abstractmethod
    def write(self, offset: int, data: bytes) -> None:
        """Set the bytes from ``offset`` on.

        Raises:
            PageError: the region is closed, opened to be read only, or ends before.
        """

    def orphaned(self) -> bool:
        """Whether its name no longer leads to it, so that whoever comes now sees another region.

        Never on Windows, where a mapping keeps its name as long as anybody holds it.

        Raises:
            PageError: the region is closed.
        """
        return False

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of it. May be called twice."""


def held(what: str) -> PageError:
    """Return the error for a region that somebody who lives has created already."""
    return PageError(
        f"{what} belongs to a program that still runs.",
        hint="If that is another `ac-bridge simulate`, end it, or keep the two apart with "
        "--prefix and --wheel.",
    )
