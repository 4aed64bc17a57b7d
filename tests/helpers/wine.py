"""Windows Python from a test on Linux: this project under Wine, in a Windows of the test run's own.

`.ci/windows setup` makes what this needs, once a machine. Nothing of it is a real Windows: what
passes here is right about names, layouts and calls, and says nothing about timing or drivers.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LAUNCHER = ROOT / ".ci" / "windows"
OWN = ROOT / ".venv-windows"
"""What `.ci/windows setup` makes for this clone."""
SHARED = Path(os.environ.get("AC_BRIDGE_WINE") or Path.home() / ".cache" / "ac-bridge-wine")
"""What it makes for every clone on this machine."""

REQUIRED = "AC_BRIDGE_WINE_REQUIRED"
"""A variable: where it is set, a machine without Windows Python fails instead of skipping."""

BOOT_TIMEOUT_S = 60.0
"""Starting or ending Windows takes a second; on a busy machine more."""


def why_missing() -> str | None:
    """Say what keeps this machine from running Windows Python, or nothing."""
    for program in ("bash", "wine", "wineserver"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    for needed in (SHARED / "prefix" / "made", SHARED / "python" / "python.exe", OWN / "metadata"):
        if not needed.exists():
            return f"{needed} is missing: run .ci/windows setup"
    return None


class WindowsPython:
    """Calls Windows Python with this project on its path.

    Everything that one instance starts shares one Windows: named mappings and files on ``C:`` are
    seen by all of it, and by nothing else on the machine. Linux paths are ``Z:`` there.

    Args:
        prefix: the folder of that Windows.
        vjoy: what pyvjoy loads: ``bundled``, the library that comes with it, which finds no
            driver; or ``stub``, the project's stand-in for the driver.
    """

    def __init__(self, prefix: Path, vjoy: str = "bundled") -> None:
        self.prefix = prefix
        self.drive_c = prefix / "drive_c"
        self._vjoy = vjoy

    def with_vjoy_stub(self) -> WindowsPython:
        """Return the same Windows with the stub of the vJoy driver."""
        return WindowsPython(self.prefix, vjoy="stub")

    def __call__(
        self, *arguments: str | Path, timeout_s: float = 60.0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end. The exit status is for the caller to judge.

        Args:
            arguments: as for ``python``: ``"-c", code`` or ``"-m", "ac_bridge.cli", "doctor"``.
            timeout_s: longest time for the process; importing the whole actor takes 2 to 4 s.
            env: variables on top of this process's.

        Raises:
            subprocess.TimeoutExpired: the process was ended.
        """
        with self.start(*arguments, env=env) as process:
            out, err = process.communicate(timeout=timeout_s)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    @contextlib.contextmanager
    def start(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """Start and hand over the process, with pipes in all three places; killed at the end.

        `terminate` and `kill` end it as Windows' task manager would: it gets no chance to tidy up.
        """
        process = subprocess.Popen(
            ["bash", str(LAUNCHER), "python", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "WINEPREFIX": str(self.prefix), "AC_BRIDGE_VJOY": self._vjoy}
            | dict(env or {}),
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def windows_path(self, path: Path) -> str:
        """Return a Linux path as Windows Python has to spell it."""
        if path.is_relative_to(self.drive_c):
            return "C:\\" + str(path.relative_to(self.drive_c)).replace("/", "\\")
        return "Z:" + str(path.absolute()).replace("/", "\\")


@contextlib.contextmanager
def windows() -> Iterator[WindowsPython]:
    """A fresh Windows until the end of the block, where everything that still runs is ended."""
    homes = SHARED / "runs"
    homes.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(dir=homes))
    prefix = home / "prefix"
    # Links to the files cost neither time nor space; the registry is the only thing written to.
    shutil.copytree(SHARED / "prefix", prefix, symlinks=True, copy_function=_link)
    try:
        # Windows' own services stay up from here on: otherwise the first process of several would
        # start them, wait 3 s for them at its end, and keep its pipes open until then.
        _wine(prefix, "wineserver", "-p")
        _wine(prefix, "wine", "cmd", "/c", "exit")
        yield WindowsPython(prefix)
    finally:
        _wine(prefix, "wineserver", "-k")
        _wine(prefix, "wineserver", "-w")
        shutil.rmtree(home)


def _wine(prefix: Path, *command: str) -> None:
    """Run a command of Wine itself, silently: what it leaves behind holds no pipe of ours."""
    silent: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    variables = {**os.environ, "WINEPREFIX": str(prefix), "WINEDEBUG": "-all"}
    subprocess.run(command, env=variables, check=False, timeout=BOOT_TIMEOUT_S, **silent)


def _link(source: str, target: str) -> None:
    if source.endswith(".reg"):
        shutil.copy2(source, target)
    else:
        os.link(source, target)
