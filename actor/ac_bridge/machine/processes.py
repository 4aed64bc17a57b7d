"""Which racing game is running on this machine, by the names of its processes.

Own code rather than a library: one snapshot of names is all that is wanted.
"""

from __future__ import annotations

import sys
from pathlib import Path

ASSETTO_CORSA = "acs.exe"
"""The process that drives and publishes the pages; AssettoCorsa.exe is only the launcher."""

GAMES = {
    ASSETTO_CORSA: "Assetto Corsa",
    "AC2-Win64-Shipping.exe": "Assetto Corsa Competizione",
    "acr.exe": "Assetto Corsa Rally",
    "AssettoCorsaEVO.exe": "Assetto Corsa EVO",
}
"""The games that publish pages of this kind, by executable. We can drive the first alone."""

COMM_CHARACTERS = 15
"""Linux cuts a process's name to this length."""


def running_games() -> list[str]:
    """Return the executables of `GAMES` that are running, each once."""
    return games_among(_process_names())


def games_among(names: set[str]) -> list[str]:
    """Return the executables of `GAMES` that are among ``names``, which may have been cut."""
    present = {name.lower() for name in names}
    return [
        executable
        for executable in GAMES
        if {executable.lower(), executable[:COMM_CHARACTERS].lower()} & present
    ]


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _SNAP_PROCESSES = 0x2
    _INVALID_HANDLE = wintypes.HANDLE(-1).value

    class _ProcessEntry(ctypes.Structure):
        _fields_ = (
            ("size_bytes", wintypes.DWORD),
            ("usage", wintypes.DWORD),
            ("pid", wintypes.DWORD),
            ("default_heap", ctypes.c_void_p),
            ("module", wintypes.DWORD),
            ("threads", wintypes.DWORD),
            ("parent_pid", wintypes.DWORD),
            ("priority", wintypes.LONG),
            ("flags", wintypes.DWORD),
            ("executable", wintypes.WCHAR * 260),
        )

    def _process_names() -> set[str]:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateToolhelp32Snapshot.argtypes = [wintypes.DWORD, wintypes.DWORD]
        kernel.CreateToolhelp32Snapshot.restype = wintypes.HANDLE
        for name in ("Process32FirstW", "Process32NextW"):
            function = getattr(kernel, name)
            function.argtypes = [wintypes.HANDLE, ctypes.POINTER(_ProcessEntry)]
            function.restype = wintypes.BOOL
        kernel.CloseHandle.argtypes = [wintypes.HANDLE]
        snapshot = kernel.CreateToolhelp32Snapshot(_SNAP_PROCESSES, 0)
        if snapshot == _INVALID_HANDLE:
            raise ctypes.WinError(ctypes.get_last_error())
        try:
            entry = _ProcessEntry(size_bytes=ctypes.sizeof(_ProcessEntry))
            names = set()
            more = kernel.Process32FirstW(snapshot, ctypes.byref(entry))
            while more:
                names.add(entry.executable)
                more = kernel.Process32NextW(snapshot, ctypes.byref(entry))
            return names
        finally:
            kernel.CloseHandle(snapshot)

else:

    def _process_names(proc: Path = Path("/proc")) -> set[str]:
        """Return what each process calls itself, and the file name that it was started by.

        Wine gives a process the name of its Windows program; older ones only the command line.
        """
        names: set[str] = set()
        for process in proc.glob("[0-9]*"):
            try:
                names.add((process / "comm").read_text(errors="replace").strip())
                command = (process / "cmdline").read_bytes().split(b"\0")[0]
            except OSError:  # it ended while we looked
                continue
            names.add(command.decode(errors="replace").replace("\\", "/").rpartition("/")[2])
        return names
