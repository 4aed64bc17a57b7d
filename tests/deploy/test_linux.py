"""`deploy/linux/`: the units as systemd itself reads them, and what the relay's is worth."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.balancers import needs

LINUX = Path(__file__).parents[2] / "deploy" / "linux"
HIGHEST_EXPOSURE = 1.5
"""Of 10. With a newer systemd, which asks for more, the same unit may get a little more."""


def runnable(unit: str, folder: Path) -> Path:
    """Return a copy of a unit that starts the ac-bridge of this Python, which has to be there."""
    command = Path(sys.executable).with_name("ac-bridge")
    text, count = re.subn(
        r"^ExecStart=\S+/ac-bridge ",
        f"ExecStart={command} ",
        (LINUX / unit).read_text(),
        flags=re.M,
    )
    assert count == 1
    copy = folder / unit
    copy.write_text(text)
    return copy


@needs("systemd-analyze")
@pytest.mark.parametrize(
    ("unit", "manager"),
    [("ac-bridge-relay.service", "--system"), ("ac-bridge-actor.service", "--user")],
)
def test_systemd_finds_nothing_to_complain_about(
    unit: str, manager: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No unknown key, no value that cannot be read, no program that is not there."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    done = subprocess.run(
        ["systemd-analyze", manager, "verify", str(runnable(unit, tmp_path))],
        capture_output=True,
        text=True,
        check=False,
    )
    about_us = [line for line in done.stderr.splitlines() if unit in line]
    assert (done.returncode, about_us) == (0, []), done.stderr


@needs("systemd-analyze")
def test_the_relay_is_hardened() -> None:
    """The exposure that systemd computes is low, and is the one that the unit's comment names."""
    unit = LINUX / "ac-bridge-relay.service"
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Overall exposure level for .*: ([\d.]+)", done.stdout)
    assert found is not None
    assert float(found[1]) <= HIGHEST_EXPOSURE
    noted = re.search(r"systemd 252 gives it ([\d.]+)", unit.read_text())
    assert noted is not None
    version = subprocess.run(
        ["systemd-analyze", "--version"], capture_output=True, text=True, check=True
    )
    if version.stdout.startswith("systemd 252 "):
        assert noted[1] == found[1]


def test_the_units_say_who_they_run_as() -> None:
    """The relay as nobody who exists otherwise, its token a credential; the actor as its user."""
    relay = (LINUX / "ac-bridge-relay.service").read_text()
    assert "\nDynamicUser=yes\n" in relay
    assert "\nLoadCredential=tokens:" in relay
    assert "--token-file ${CREDENTIALS_DIRECTORY}/tokens" in relay
    actor = (LINUX / "ac-bridge-actor.service").read_text()
    assert "\nUser=" not in actor
    assert "\nDynamicUser=" not in actor
