"""Pieces of a page. Pure. What comes from a recording becomes text here, never markup."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

MOST_ROWS = 1000
"""Of a table. A page with more is no pleasure, and `ac-bridge export` has them all."""


def section(title: str, content: str) -> str:
    """Return a part of the page, with its heading."""
    return f"<section>\n<h2>{text(title)}</h2>\n{content}\n</section>\n"


def table(head: Iterable[str], rows: Sequence[tuple[str, list[str]]]) -> str:
    """Return a table of rows, each with its attributes and its cells."""
    heads = "".join(f"<th>{text(one)}</th>" for one in head)
    body = "\n".join(f"<tr{how}>{''.join(cells)}</tr>" for how, cells in rows[:MOST_ROWS])
    more = len(rows) - MOST_ROWS
    left = note(f"{more:,} more are not listed.") if more > 0 else ""
    return (
        f'<div class="scroll"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>{left}"
    )


def cell(value: str) -> str:
    """Return a cell of a table."""
    return f"<td>{text(value)}</td>"


def note(value: str) -> str:
    """Return a paragraph in small letters."""
    return f'<p class="note">{text(value)}</p>'


def text(value: object) -> str:
    """Return anything as text that is no markup."""
    return html.escape(str(value))


def lap_time(time_ms: int | None) -> str:
    """Return the time of a lap as drivers say it."""
    minutes, rest_ms = divmod(time_ms or 0, 60_000)
    return f"{minutes}:{rest_ms / 1000.0:06.3f}"


def span(seconds: float) -> str:
    """Return how long something took."""
    minutes, rest_s = divmod(seconds, 60.0)
    return f"{minutes:.0f} min {rest_s:.0f} s" if minutes else f"{rest_s:.1f} s"


def since(time_ns: int, began_ns: int) -> str:
    """Return when something was, in minutes and seconds since the recording began."""
    minutes, rest_s = divmod((time_ns - began_ns) / 1e9, 60.0)
    return f"{minutes:.0f}:{rest_s:06.3f}"


def milliseconds(value: float) -> str:
    """Return a time with three digits, as far as they mean something."""
    return f"{value:,.0f} ms" if value >= 100.0 else f"{value:.3g} ms"
