"""What the record of an announced actor says, and what is made of a stranger's."""

from __future__ import annotations

import pytest

from ac_bridge_protocol.discovery import NAME_CHARACTERS, Announced, announced_by, printable


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("tokens", [False, True])
def test_record_there_and_back(tls: bool, tokens: bool) -> None:
    """What is announced is what is understood."""
    announced = Announced("0.1.0", tls=tls, tokens=tokens)
    assert announced_by(announced.record()) == announced


def test_a_record_says_nothing_secret() -> None:
    """Version, TLS, tokens, no relay: there is no place for a secret or a fingerprint."""
    record = Announced("0.1.0", tls=True, tokens=True).record()
    assert record == {"version": "0.1.0", "tls": "1", "tokens": "1", "relay": "0"}


@pytest.mark.parametrize(
    "record", [{}, {"tls": None, "tokens": "yes", "version": None}, {"tls": "11", "x": "y"}]
)
def test_strange_records_count_as_no(record: dict[str, str | None]) -> None:
    """Whatever is missing or unknown claims nothing."""
    assert announced_by(record) == Announced("", tls=False, tokens=False)


def test_a_version_cannot_command_a_terminal() -> None:
    """Escapes are taken out, and a novel is cut."""
    assert announced_by({"version": "\x1b[2J1\u202e"}).version == "?[2J1?"
    assert len(announced_by({"version": "9" * 1000}).version) == 40


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ännas PC", "Ännas PC"),
        ("a\x1b]0;owned\x07b", "a?]0;owned?b"),
        ("line\nline\r", "line?line?"),
        ("right\u202eleft\u200bzero", "right?left?zero"),
        ("x" * 100, "x" * NAME_CHARACTERS),
    ],
)
def test_printable(text: str, shown: str) -> None:
    """Nothing is left that a terminal would obey or a reader would not see."""
    assert printable(text, NAME_CHARACTERS) == shown
