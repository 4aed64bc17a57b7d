"""What a check found: one sentence a finding, how bad it is, and what to do about it. Pure."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable


class Status(enum.StrEnum):
    """How bad a finding is."""

    OK = "ok"
    """As it should be, or nothing to worry about."""
    WARNING = "warning"
    """Something will not work, or not well; the rest does."""
    ERROR = "error"
    """Driving the game is not possible like this."""

    @property
    def exit_status(self) -> int:
        """What a program ends with whose worst finding this is: 0, 1 or 2."""
        return (Status.OK, Status.WARNING, Status.ERROR).index(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found."""

    name: str
    """Which part of the machine it is about, in one or two words."""
    status: Status
    message: str
    """What was found, in a sentence."""
    fix: str = ""
    """What to do next; empty where nothing needs doing."""


Check = Callable[[], Iterable[Finding]]
"""A look at one part of the machine. A bad machine gives findings, never an exception."""


def ok(name: str, message: str) -> Finding:
    """Return a finding that needs nothing done."""
    return Finding(name, Status.OK, message)


def warning(name: str, message: str, fix: str) -> Finding:
    """Return a finding about something that will not work, or not well."""
    return Finding(name, Status.WARNING, message, fix)


def error(name: str, message: str, fix: str) -> Finding:
    """Return a finding that makes driving impossible."""
    return Finding(name, Status.ERROR, message, fix)


def worst(findings: Iterable[Finding]) -> Status:
    """Return the worst status among ``findings``; ok where there are none."""
    return max(
        (finding.status for finding in findings),
        key=lambda status: status.exit_status,
        default=Status.OK,
    )


def run_check(name: str, check: Check) -> list[Finding]:
    """Run one check; if it breaks, that is a finding as well.

    Args:
        name: what the check is called, should it break.
        check: the check.
    """
    try:
        return list(check())
    # The one place for it: this runs on machines that are broken in ways nobody thought of, and a
    # check that stumbles must not hide what all the others have to say.
    except Exception as problem:  # noqa: BLE001
        return [
            error(
                name,
                f"The check itself broke: {type(problem).__name__}: {problem}",
                "Please report it, with the output of 'ac-bridge doctor --json'.",
            )
        ]
