"""Regions as files in /dev/shm, the way the bridges for Proton publish the game's pages.

Reading is one `pread`, not a copy out of a mapping: a bridge that empties its file to write it
anew would end a process that has it mapped with SIGBUS, in the middle of a drive. It costs about
half a microsecond more. Writing goes through a mapping, since chunks must follow each other fast.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import sys
from pathlib import Path

from ac_bridge.game.region import Region, held
from ac_bridge_protocol.errors import GameAbsentError, PageError

assert sys.platform != "win32"  # noqa: S101 -- for type checkers: Windows has its own module

FOLDER = Path("/dev/shm")  # noqa: S108 -- where shared memory is, not a temporary file
OWNER_ONLY_WRITES = 0o644
"""Mode of the files that we create."""


class FileRegion(Region):
    """A file whose pages are memory."""

    def __init__(
        self, path: Path, descriptor: int, min_bytes: int, *, writable: bool, owned: bool
    ) -> None:
        """Take over an open file.

        Args:
            path: where it is.
            descriptor: the open file, closed with the region.
            min_bytes: fewer are never read.
            writable: whether it was opened to be written to.
            owned: whether to remove the file on `close`.
        """
        size_bytes = os.fstat(descriptor).st_size
        super().__init__(path.name, size_bytes)
        self._path = path
        self._descriptor = descriptor
        self._min_bytes = min_bytes
        self._owned = owned
        self._memory = mmap.mmap(descriptor, size_bytes) if writable else None

    def read(self, size_bytes: int) -> bytes:
        """Return one bulk copy of the first ``size_bytes``; zeros stand for what is not there.

        Raises:
            PageError: the region is closed, or the file has shrunk below what was agreed on.
        """
        try:
            data = os.pread(self._descriptor, size_bytes, 0)
        except OSError as error:
            raise PageError(f"{self._path} cannot be read: {error.strerror}.") from error
        if len(data) < size_bytes:
            if len(data) < self._min_bytes:
                raise _too_small(self._path, len(data), self._min_bytes)
            return data.ljust(size_bytes, b"\0")
        return data

    def write(self, offset: int, data: bytes) -> None:
        """Set the bytes from ``offset`` on.

        Raises:
            PageError: the region is closed, opened to be read only, or ends before.
        """
        try:
            self._memory[offset : offset + len(data)] = data  # type: ignore[index]
        except (TypeError, ValueError, IndexError) as error:
            raise PageError(
                f"{len(data)} bytes cannot be written at {offset} of {self._path}: {error}."
            ) from error

    def orphaned(self) -> bool:
        """Whether the file was removed, or another one was put in its place.

        Raises:
            PageError: the region is closed.
        """
        try:
            return os.fstat(self._descriptor).st_nlink == 0
        except OSError as error:
            raise PageError(f"{self._path} cannot be looked at: {error.strerror}.") from error

    def close(self) -> None:
        """Let go of it, and remove the file if it is ours. May be called twice."""
        if self._descriptor < 0:
            return
        if self._memory is not None:
            self._memory.close()
        if self._owned:
            _remove(self._path, self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1  # reads after this fail instead of reaching another file


def open_file(
    name: str, min_bytes: int, *, writable: bool = False, folder: Path = FOLDER
) -> Region:
    """Open a region that somebody else created.

    Links are followed to read only: some bridges publish links, and reading harms nothing.

    Raises:
        GameAbsentError: there is no such file.
        PageError: it is smaller than ``min_bytes``, or this user may not open it.
    """
    path = folder / name
    try:
        descriptor = os.open(path, _TO_WRITE if writable else _TO_READ)
    except FileNotFoundError:
        raise GameAbsentError(f"{path} does not exist.") from None
    except OSError as error:
        raise _refused(path, error) from error
    with contextlib.ExitStack() as on_error:
        on_error.callback(os.close, descriptor)
        size_bytes = os.fstat(descriptor).st_size
        if size_bytes < min_bytes:
            raise _too_small(path, size_bytes, min_bytes)
        region = FileRegion(path, descriptor, min_bytes, writable=writable, owned=False)
        on_error.pop_all()
    return region


def create_file(name: str, size_bytes: int, *, folder: Path = FOLDER) -> Region:
    """Create a region to write to, or take over the one of that name with what it holds.

    Raises:
        PageError: somebody who lives created it, or the system refuses it.
    """
    path = folder / name
    try:
        descriptor = _create_and_hold(path)
    except BlockingIOError:
        raise held(str(path)) from None
    except OSError as error:
        raise _refused(path, error) from error
    with contextlib.ExitStack() as on_error:
        on_error.callback(os.close, descriptor)
        if os.fstat(descriptor).st_size < size_bytes:  # never shrink: somebody may have it mapped
            os.ftruncate(descriptor, size_bytes)
        region = FileRegion(path, descriptor, size_bytes, writable=True, owned=True)
        on_error.pop_all()
    return region


_TO_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
"""Without waiting: what lies there might be a pipe."""
_TO_WRITE = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
"""The folder is everybody's: a link that somebody else laid there must not lead a write astray."""


def _create_and_hold(path: Path) -> int:
    """Open a file, made if need be, and lock it: the system unlocks it when this process ends.

    Raises:
        BlockingIOError: another one holds the lock.
    """
    while True:
        with contextlib.ExitStack() as on_error:
            descriptor = os.open(path, _TO_WRITE | os.O_CREAT, OWNER_ONLY_WRITES)
            on_error.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:  # else its last owner removed it just now
                on_error.pop_all()
                return descriptor


def _remove(path: Path, descriptor: int) -> None:
    """Remove the file, unless another one has taken its name meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(path.stat(), os.fstat(descriptor)):
            path.unlink()


def _too_small(path: Path, size_bytes: int, min_bytes: int) -> PageError:
    return PageError(
        f"{path} holds {size_bytes} bytes, but needs at least {min_bytes}.",
        hint="Check the bridge that publishes it: it must copy whole pages.",
    )


def _refused(path: Path, error: OSError) -> PageError:
    if error.errno == errno.ELOOP:
        return PageError(
            f"{path} is a symbolic link, and is not written to through it.",
            hint=f"Remove the link (rm {path}).",
        )
    foreign = isinstance(error, PermissionError)
    return PageError(
        f"{path} cannot be opened: {error.strerror}.",
        hint=f"Run this as the user that owns the file (ls -l {path})." if foreign else "",
    )
