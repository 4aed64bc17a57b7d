"""Pages that several benchmarks write: each its own section, between two markers.

    <!-- faults:begin -->
    whatever benchmarks/faults.py found last
    <!-- faults:end -->

Everything else on the page stays as it is; a section that is not there yet is put at the end.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Sequence
from pathlib import Path

RELIABILITY = Path(__file__).parents[1] / "docs" / "reliability.md"
"""What was promised, and what was measured."""


def with_section(page: str, name: str, lines: Sequence[str]) -> str:
    """Return a page with a section's lines replaced, or put at its end.

    Raises:
        ValueError: the page has only one of the section's markers, or has them twice.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    section = "\n".join([begin, "", *lines, "", end])
    if begin not in page and end not in page:
        return f"{page.rstrip()}\n\n{section}\n".lstrip()
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed or page.count(begin) + page.count(end) != 2:
        raise ValueError(f"The markers {begin} and {end} are to be there once each, in this order.")
    return before + section + after


def section_of(page: str, name: str) -> list[str]:
    """Return a section's lines; none if it is not there."""
    _, _, rest = page.partition(f"<!-- {name}:begin -->")
    return rest.partition(f"<!-- {name}:end -->")[0].strip().splitlines()


def write_section(name: str, lines: Sequence[str], page: Path = RELIABILITY) -> None:
    """Write what a benchmark found into its section of a page."""
    page.write_text(with_section(page.read_text(), name, lines))


def circumstances(command: str) -> list[str]:
    """Return how, when and where something was measured, as a list in Markdown."""
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    return [f"- Command: `{command}`", f"- Date: {today}", f"- Machine: {machine()}"]


def machine() -> str:
    """Return what this machine is: its processor, cores, kernel and Python."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return (
        f"{model}, {os.cpu_count()} cores; {platform.system()} {platform.release()}; "
        f"Python {platform.python_version()}; load {os.getloadavg()[0]:.1f} at the end"
    )
