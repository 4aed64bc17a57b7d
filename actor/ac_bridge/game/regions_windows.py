r"""Regions as Windows' named file mappings, through ctypes.

Every function has its types declared: handles and addresses have 64 bits, and ctypes would cut
them to 32. A mapping lives in a namespace, ``Local\`` being that of the logon session; the same
name without a prefix means the same object to a normal process.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from ctypes import wintypes

from ac_bridge.game.region import Region, held
from ac_bridge_protocol.errors import GameAbsentError, PageError

assert sys.platform == "win32"  # noqa: S101 -- for type checkers: all below exists there alone

FILE_MAP_WRITE, FILE_MAP_READ = 0x2, 0x4
PAGE_READWRITE = 0x4
INVALID_HANDLE_VALUE = wintypes.HANDLE(-1)
ERROR_FILE_NOT_FOUND, ERROR_ALREADY_EXISTS = 2, 183
LOCAL = "Local\\"


class MemoryBasicInformation(ctypes.Structure):
    """What VirtualQuery tells of an address (MEMORY_BASIC_INFORMATION of 64-bit Windows)."""

    _fields_ = (
        ("BaseAddress", ctypes.c_void_p),
        ("AllocationBase", ctypes.c_void_p),
        ("AllocationProtect", wintypes.DWORD),
        ("PartitionId", wintypes.WORD),
        ("RegionSize", ctypes.c_size_t),
        ("State", wintypes.DWORD),
        ("Protect", wintypes.DWORD),
        ("Type", wintypes.DWORD),
    )


_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_OpenFileMapping = _kernel32.OpenFileMappingW
_OpenFileMapping.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.LPCWSTR)
_OpenFileMapping.restype = wintypes.HANDLE
_CreateFileMapping = _kernel32.CreateFileMappingW
_CreateFileMapping.argtypes = (
    wintypes.HANDLE,
    wintypes.LPVOID,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.LPCWSTR,
)
_CreateFileMapping.restype = wintypes.HANDLE
_CreateMutex = _kernel32.CreateMutexW
_CreateMutex.argtypes = (wintypes.LPVOID, wintypes.BOOL, wintypes.LPCWSTR)
_CreateMutex.restype = wintypes.HANDLE
_MapViewOfFile = _kernel32.MapViewOfFile
_MapViewOfFile.argtypes = (
    wintypes.HANDLE,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.DWORD,
    ctypes.c_size_t,
)
_MapViewOfFile.restype = wintypes.LPVOID
_VirtualQuery = _kernel32.VirtualQuery
_VirtualQuery.argtypes = (wintypes.LPCVOID, ctypes.POINTER(MemoryBasicInformation), ctypes.c_size_t)
_VirtualQuery.restype = ctypes.c_size_t
_UnmapViewOfFile = _kernel32.UnmapViewOfFile
_UnmapViewOfFile.argtypes = (wintypes.LPCVOID,)
_UnmapViewOfFile.restype = wintypes.BOOL
_CloseHandle = _kernel32.CloseHandle
_CloseHandle.argtypes = (wintypes.HANDLE,)
_CloseHandle.restype = wintypes.BOOL


class MappingRegion(Region):
    """A view of a named mapping."""

    def __init__(
        self, name: str, handle: int, min_bytes: int, access: int, owner: int | None = None
    ) -> None:
        """Map an open mapping.

        Args:
            name: of the mapping.
            handle: to it, closed with the region, and at once if it cannot be mapped.
            min_bytes: what it must at least hold.
            access: FILE_MAP_READ, with FILE_MAP_WRITE or without.
            owner: the handle that tells others that we created it, closed in the same way.

        Raises:
            PageError: it cannot be mapped or is too small.
        """
        with contextlib.ExitStack() as on_close:
            if owner is not None:
                on_close.callback(_CloseHandle, owner)
            on_close.callback(_CloseHandle, handle)
            address = _MapViewOfFile(handle, access, 0, 0, 0)
            if not address:
                raise _refused(name)
            on_close.callback(_UnmapViewOfFile, address)
            size_bytes = _mapped_bytes(name, address)
            if size_bytes < min_bytes:
                raise PageError(
                    f"The mapping {name} holds {size_bytes} bytes, but needs at least {min_bytes}."
                )
            self._on_close = on_close.pop_all()
        super().__init__(name, size_bytes)
        # Through a view, since to set a slice of the array itself goes byte by byte.
        self._view = memoryview((ctypes.c_char * size_bytes).from_address(address)).cast("B")
        self._writable = bool(access & FILE_MAP_WRITE)

    def read(self, size_bytes: int) -> bytes:
        """Return one bulk copy of the first ``size_bytes``; zeros stand for what is not there.

        Raises:
            PageError: the region is closed.
        """
        try:
            return self._view[:size_bytes].tobytes().ljust(size_bytes, b"\0")
        except ValueError:  # the view was released
            raise PageError(f"The mapping {self.name} is closed.") from None

    def write(self, offset: int, data: bytes) -> None:
        """Set the bytes from ``offset`` on.

        Raises:
            PageError: the region is closed, opened to be read only, or ends before.
        """
        if not self._writable:
            raise PageError(f"The mapping {self.name} was opened to be read only.")
        try:
            self._view[offset : offset + len(data)] = data
        except ValueError as error:
            raise PageError(
                f"{len(data)} bytes cannot be written at {offset} of {self.name}: {error}."
            ) from error

    def close(self) -> None:
        """Let go of it; Windows forgets it with the last handle. May be called twice."""
        self._view.release()  # first: nobody may reach what is no longer mapped
        self._on_close.close()


def open_mapping(name: str, min_bytes: int, *, writable: bool = False) -> Region:
    r"""Open a region that somebody else created, as ``Local\NAME`` or as NAME.

    Raises:
        GameAbsentError: there is no such mapping.
        PageError: it is smaller than ``min_bytes``, or this user may not open it.
    """
    access = FILE_MAP_READ | (FILE_MAP_WRITE if writable else 0)
    for full_name in (LOCAL + name, name):
        handle = _OpenFileMapping(access, False, full_name)
        if handle:
            return MappingRegion(full_name, handle, min_bytes, access)
        if ctypes.get_last_error() != ERROR_FILE_NOT_FOUND:
            raise _refused(full_name)
    raise GameAbsentError(f"There is no mapping {LOCAL}{name}.")


def create_mapping(name: str, size_bytes: int) -> Region:
    r"""Create ``Local\NAME`` to write to, or take over the one of that name with what it holds.

    Raises:
        PageError: somebody who lives created it, Windows refuses it, or one of that name exists
            and is smaller.
    """
    full_name = LOCAL + name
    owner = _own(full_name)
    handle = _CreateFileMapping(
        INVALID_HANDLE_VALUE, None, PAGE_READWRITE, 0, size_bytes, full_name
    )
    if not handle:
        error = _refused(full_name)
        _CloseHandle(owner)
        raise error
    return MappingRegion(full_name, handle, size_bytes, FILE_MAP_READ | FILE_MAP_WRITE, owner)


def _own(name: str) -> int:
    """Return a handle that only who created ``name`` has; Windows closes it with the process.

    The mapping itself does not tell: readers keep it alive too.

    Raises:
        PageError: another one has it.
    """
    owner = _CreateMutex(None, False, name + ".owner")
    if not owner:
        raise _refused(name)
    if ctypes.get_last_error() == ERROR_ALREADY_EXISTS:
        _CloseHandle(owner)
        raise held(f"The mapping {name}")
    return int(owner)


def _mapped_bytes(name: str, address: int) -> int:
    """Return how much of a mapping lies at ``address``."""
    information = MemoryBasicInformation()
    if not _VirtualQuery(address, ctypes.byref(information), ctypes.sizeof(information)):
        raise _refused(name)
    return int(information.RegionSize)


def _refused(name: str) -> PageError:
    error = ctypes.get_last_error()
    return PageError(
        f"The mapping {name} cannot be opened: {ctypes.FormatError(error).strip()} ({error}).",
        hint="Run this as the user who runs the game, in the same logon session.",
    )
