"""A page that several benchmarks write: each its own section."""

from __future__ import annotations

from pathlib import Path

import pytest

from _report import RELIABILITY, circumstances, machine, with_section, write_section

PAGE = """# A page

<!-- one:begin -->

old

<!-- one:end -->

By hand.
"""


def test_a_section_is_replaced_and_all_else_kept() -> None:
    """What stands before and after it, to the last character."""
    assert with_section(PAGE, "one", ["new", "lines"]) == PAGE.replace("old", "new\nlines")


def test_a_section_is_written_twice_alike() -> None:
    """Nothing grows."""
    once = with_section(PAGE, "one", ["new"])
    assert with_section(once, "one", ["new"]) == once


def test_a_new_section_comes_last() -> None:
    """On an empty page too."""
    page = with_section(PAGE, "two", ["2"])
    assert page == PAGE + "\n<!-- two:begin -->\n\n2\n\n<!-- two:end -->\n"
    assert with_section("", "two", ["2"]) == page.removeprefix(PAGE + "\n")


@pytest.mark.parametrize(
    "page",
    [
        PAGE.replace("<!-- one:end -->", ""),
        PAGE.replace("<!-- one:begin -->", ""),
        PAGE + PAGE,
        "<!-- one:end --> <!-- one:begin -->",
    ],
)
def test_a_page_that_is_not_understood_is_left_alone(page: str) -> None:
    """Rather than write somewhere."""
    with pytest.raises(ValueError, match="once each"):
        with_section(page, "one", ["new"])


def test_a_file_is_written(tmp_path: Path) -> None:
    """The page itself, by the section's name."""
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    write_section("one", circumstances("run it"), page)
    text = page.read_text()
    assert "`run it`" in text
    assert machine()[:20] in text
    assert text.endswith("By hand.\n")


def test_the_faults_have_a_section_of_the_page() -> None:
    """Written by their bench; it stays as it is when it is written again."""
    page = RELIABILITY.read_text()
    inside = page.partition("<!-- faults:begin -->\n\n")[2].partition("\n\n<!-- faults:end -->")[0]
    assert "| fault | promise | measured | holds |" in inside
    assert with_section(page, "faults", inside.split("\n")) == page
