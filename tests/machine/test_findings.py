"""Findings: the worst one decides, and a check that breaks is a finding too."""

from __future__ import annotations

import pytest

from ac_bridge.machine.findings import Finding, Status, error, ok, run_check, warning, worst


@pytest.mark.parametrize(
    ("findings", "status", "exit_status"),
    [
        ([], Status.OK, 0),
        ([ok("a", "")], Status.OK, 0),
        ([warning("a", "", ""), ok("b", "")], Status.WARNING, 1),
        ([warning("a", "", ""), error("b", "", ""), ok("c", "")], Status.ERROR, 2),
    ],
)
def test_worst_finding_decides(findings: list[Finding], status: Status, exit_status: int) -> None:
    """The worst status counts, whatever the order."""
    assert worst(findings) is status
    assert worst(findings).exit_status == exit_status


def test_a_check_gives_its_findings() -> None:
    """In its order."""
    findings = [ok("a", "1"), warning("a", "2", "3")]
    assert run_check("a", lambda: iter(findings)) == findings


def test_a_broken_check_is_a_finding() -> None:
    """Name, type and message of what happened; nothing is raised."""

    def check() -> list[Finding]:
        raise KeyError("where")

    (finding,) = run_check("timers", check)
    assert (finding.name, finding.status) == ("timers", Status.ERROR)
    assert "KeyError" in finding.message
    assert "where" in finding.message
    assert finding.fix


def test_a_check_may_not_swallow_an_interrupt() -> None:
    """Ctrl+C is no finding."""

    def check() -> list[Finding]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_check("timers", check)
