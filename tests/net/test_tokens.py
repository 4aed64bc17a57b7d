"""Tokens: what opens what, and how a book of them is read."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.net.tokens import (
    TOKEN_CHARACTERS,
    TOKEN_MOST_CHARACTERS,
    Grant,
    TokenBook,
    bearer,
    digest_of,
    new_token,
)
from ac_bridge_protocol.errors import SettingError

ONE, TWO, THREE = ("1" * 40, "2" * 40, "3" * 40)


def refused(text: str) -> SettingError:
    """Return why lines are no book; the error may not repeat any of their long words."""
    with pytest.raises(SettingError) as caught:
        TokenBook.parse(text, "tokens.txt")
    error = caught.value
    assert error.setting == "token_file"
    assert error.hint
    for word in text.split():
        assert len(word) < TOKEN_CHARACTERS or word not in f"{error} {error!r}"
    return error


def test_a_new_token_is_one() -> None:
    """Long enough, of the right characters, and another one each time."""
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    for token in made:
        assert TokenBook.of(driver=token).grants(token)
        assert bearer(f"Bearer {token}") == token


def test_a_book_of_lines() -> None:
    """Grants, names, blank lines and comments."""
    book = TokenBook.parse(
        f"# ours\n\ndriver {ONE}  # my laptop\r\n\tspectator\t{TWO}\npark:my-pc {THREE}\n", "here"
    )
    assert [(entry.grant, entry.name) for entry in book.entries] == [
        (Grant.DRIVER, ""),
        (Grant.SPECTATOR, ""),
        (Grant.PARK, "my-pc"),
    ]
    assert book.grants(ONE) == {Grant.DRIVER, Grant.SPECTATOR}
    assert book.grants(TWO) == {Grant.SPECTATOR}
    assert book.grants(THREE) == {Grant.PARK}


def test_nothing_opens_an_empty_book() -> None:
    """Not even no token."""
    assert not TokenBook()
    assert TokenBook.of(list=ONE)
    for token in ("", ONE, "\udcff", "é"):
        assert TokenBook().grants(token) == frozenset()
        assert TokenBook.of(driver=TWO).grants(token) == frozenset()
        assert not TokenBook.of(park=TWO).may_park(token, "my-pc")


def test_several_tokens_open_the_same() -> None:
    """So that one is replaced while both are good."""
    book = TokenBook.of(driver=ONE) + TokenBook.of(driver=TWO)
    assert book.grants(ONE) == book.grants(TWO) == {Grant.DRIVER, Grant.SPECTATOR}
    assert book.digests(Grant.DRIVER) == (digest_of(ONE), digest_of(TWO))
    assert book.digests(Grant.SPECTATOR) == (), "given as such, not implied"


def test_one_token_may_open_several_things() -> None:
    """What it opens adds up; what stands twice counts once."""
    book = TokenBook.of(park=ONE, list=ONE)
    assert book.grants(ONE) == {Grant.PARK, Grant.LIST}
    assert (book + book).entries == book.entries


def test_a_digest_stands_for_its_token() -> None:
    """What a relay says it was shown opens the same, and what is no digest nothing."""
    book = TokenBook.of(spectator=ONE)
    assert digest_of(ONE) == hashlib.sha256(ONE.encode()).hexdigest()
    assert book.grants_of_digest(digest_of(ONE)) == {Grant.SPECTATOR}
    for other in (digest_of(TWO), digest_of(ONE).upper(), "", ONE, "é" * 64):
        assert book.grants_of_digest(other) == frozenset()


def test_parking() -> None:
    """Under any name, or under the one that the token is bound to."""
    book = TokenBook.parse(f"park {ONE}\npark:my-pc {TWO}\ndriver {THREE}", "here")
    assert book.may_park(ONE, "my-pc")
    assert book.may_park(ONE, "other")
    assert book.may_park(TWO, "my-pc")
    assert not book.may_park(TWO, "other")
    assert not book.may_park(TWO, "my-pc2")
    assert not book.may_park(TWO, "")
    assert not book.may_park(THREE, "my-pc")


def test_every_entry_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """In constant time, and also after the right one was found."""
    compared: list[object] = []
    real = hmac.compare_digest

    def counting(left: bytes, right: bytes) -> bool:
        compared.append(left)
        return real(left, right)

    monkeypatch.setattr("ac_bridge.net.tokens.hmac.compare_digest", counting)
    book = TokenBook.of(driver=ONE, spectator=TWO, park=THREE)
    for token in (ONE, THREE, "x"):
        compared.clear()
        book.grants(token)
        assert len(compared) == 3


def test_no_token_shows_in_a_book() -> None:
    """What is logged opens nothing."""
    assert ONE not in repr(TokenBook.of(driver=ONE))


@pytest.mark.parametrize(
    "line",
    [
        ONE,
        f"driver: {ONE}",
        f"driver:me {ONE}",
        f"owner {ONE}",
        f"Driver {ONE}",
        f"driver {ONE} {TWO}",
        "driver",
        f"driver={ONE}",
        f"park: {ONE}",
        f"park:-x {ONE}",
        f"park:a/b {ONE}",
        f"driver {'x' * (TOKEN_CHARACTERS - 1)}",
        f"driver {'x' * (TOKEN_MOST_CHARACTERS + 1)}",
        f"driver {'x' * 40}!",
        f"driver {'x' * 40}é",
        f"driver =={'x' * 40}",
    ],
)
def test_a_broken_line_is_named(line: str) -> None:
    """By its number and its file, and never by what it says."""
    assert "Line 3 of tokens.txt" in refused(f"# first\ndriver {THREE}\n{line}").message


def test_a_single_token_that_is_none() -> None:
    """The error names its setting; an empty token is none and does not mean that none is needed."""
    for token in ("", "short", "x" * 40 + "\n"):
        with pytest.raises(SettingError) as caught:
            TokenBook.of(driver=token)
        assert caught.value.setting == "driver_token"
        assert "ac-bridge token new" in caught.value.hint


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, ""),
        ("", ""),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("Bearer abc", "abc"),
        ("bearer  abc= ", "abc="),
        ("BEARER a.b-c_d~e+f/g==", "a.b-c_d~e+f/g=="),
        ("Basic abc", ""),
        ("Bearer a b", ""),
        ("Bearer a\x00b", ""),
        ("Bearer é", ""),
        ("abc", ""),
        ("Bearer " + "x" * TOKEN_MOST_CHARACTERS, "x" * TOKEN_MOST_CHARACTERS),
        ("Bearer " + "x" * (TOKEN_MOST_CHARACTERS + 1), ""),
    ],
)
def test_bearer(header: str | None, token: str) -> None:
    """The token of a header, or nothing."""
    assert bearer(header) == token


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    """It is a book, or it is refused; nothing else, whatever it says."""
    bearer(text)
    TokenBook.of(driver=ONE).grants(text)
    try:
        book = TokenBook.parse(text, "here")
    except SettingError:
        return
    assert all(len(entry.digest) == 64 for entry in book.entries)
