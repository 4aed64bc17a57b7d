"""What a learner shows, what it makes of a no, and when it asks again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from ac_bridge_client import AsyncRemoteEnv, Link, RemoteEnv
from ac_bridge_client.access import Access
from ac_bridge_client.dial import parse_address
from ac_bridge_client.measure import LinkMeter
from ac_bridge_client.refusals import TurnedAwayError
from ac_bridge_protocol.errors import ConnectError, ErrorCode, RefusedError, SettingError
from ac_bridge_protocol.messages import EndReason, Hello, Refusal, Release, Step
from ac_bridge_protocol.spec import Mode
from ac_bridge_protocol.trust import Trust
from helpers.scripted import Peer, Script, scripted

TOKEN, OTHER = "a-token-that-nobody-may-ever-read-in-a-log", "x" * 43
PINNED = f"sha256:{'ab' * 32}"
LOCKSTEP: dict[str, Any] = {"mode": Mode.LOCKSTEP, "modes": (Mode.LOCKSTEP,)}
"""No round trips are measured then."""
VARIABLES = (
    "AC_BRIDGE_TOKEN",
    "AC_BRIDGE_LEARNER_TOKEN_FILE",
    "AC_BRIDGE_CA_FILE",
    "AC_BRIDGE_FINGERPRINT",
)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def answer(status: int, body: object, *headers: str) -> bytes:
    """Return an answer of HTTP; a body that is no bytes as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} No", f"Content-Length: {len(data)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + data


def refusal(status: int, code: str, hint: str = "") -> bytes:
    """Return a refusal as an actor or relay answers it."""
    return answer(status, {"type": "refusal", "code": code, "message": "No.", "hint": hint})


# --- Gathering ------------------------------------------------------------------------------------


def test_nothing_said() -> None:
    """No token, and the system's authorities."""
    assert Access.gather() == Access("", Trust())


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """For whatever was not said; a token said outright beats a file of the environment's."""
    path = tmp_path / "token"
    path.write_text(f"driver {OTHER}\n")
    monkeypatch.setenv("AC_BRIDGE_LEARNER_TOKEN_FILE", str(path))
    monkeypatch.setenv("AC_BRIDGE_FINGERPRINT", PINNED)
    assert Access.gather() == Access(OTHER, Trust(fingerprint=PINNED))
    monkeypatch.setenv("AC_BRIDGE_TOKEN", TOKEN)
    assert Access.gather().token == TOKEN
    assert Access.gather(token="").token == "", "said to be none"
    assert Access.gather(token_file=path).token == OTHER
    assert Access.gather(fingerprint="").trust == Trust()


def test_what_is_said_about_trust_is_all_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A fingerprint on the command line does not quarrel with a CA file of the environment's."""
    monkeypatch.setenv("AC_BRIDGE_CA_FILE", str(tmp_path / "none.pem"))
    assert Access.gather(fingerprint=PINNED).trust == Trust(fingerprint=PINNED)
    with pytest.raises(SettingError, match="CA file"):
        Access.gather()


def test_a_token_and_a_file_of_one(tmp_path: Path) -> None:
    """Which of them is meant?"""
    with pytest.raises(SettingError, match="only one"):
        Access.gather(token=TOKEN, token_file=tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"\n# mine\n  {TOKEN}  # of the laptop\r\n\n",
        f"driver {TOKEN}\n",
        f"\ufeffspectator {TOKEN}",
    ],
)
def test_a_file_with_a_token(tmp_path: Path, text: str) -> None:
    """By itself, or as `ac-bridge token new --file` writes it."""
    path = tmp_path / "token"
    path.write_bytes(text.encode())
    assert Access.gather(token_file=path).token == TOKEN


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "cannot be read"),
        (b"", "cannot be a token"),
        (b"driver a b", "cannot be a token"),
        (f"driver {TOKEN}!".encode(), "cannot be a token"),
        (f"driver {TOKEN}\ndriver {OTHER}".encode(), "holds 2 tokens"),
        (TOKEN.encode("utf-16"), "UTF-8"),
    ],
)
def test_a_file_without_one(tmp_path: Path, data: bytes | None, says: str) -> None:
    """The error names the file, and repeats nothing of what is in there."""
    path = tmp_path / "token"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(SettingError, match=says) as caught:
        Access.gather(token_file=path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("token", [f"{TOKEN}\r\nHost: x", "two words", "é", "x" * 513])
def test_what_is_no_token_never_gets_into_a_header(token: str) -> None:
    """Refused before anything is dialled, without repeating it."""
    with pytest.raises(SettingError) as caught:
        RemoteEnv("ws://127.0.0.1:1", token=token)
    assert token not in str(caught.value)


def test_no_token_shows() -> None:
    """Not in what a debugger or a log prints."""
    assert TOKEN not in repr(Access(TOKEN))


def test_no_secret_in_an_address() -> None:
    """User and password would be repeated by every log; the error does not."""
    with pytest.raises(ConnectError, match="no user name or password") as caught:
        parse_address("ws://me:secret@gaming-pc:8765/")
    assert "secret" not in f"{caught.value} {caught.value.uri}"
    assert "token_file" in caught.value.hint


# --- Showing --------------------------------------------------------------------------------------


def test_the_token_is_shown_by_everything_that_dials(caplog: pytest.LogCaptureFixture) -> None:
    """Environment, meter and link; and it never shows in the log."""
    shown: list[str] = []

    def look(peer: Peer) -> None:
        shown.append(peer.request.headers["Authorization"])
        peer.welcome(**LOCKSTEP)

    access = Access(TOKEN)
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "websockets.server")  # the test's own, which knows no secrets
    with scripted(look, look, look) as uri:
        RemoteEnv(uri, token=TOKEN).close()
        LinkMeter(uri, access=access).close()
        Link(uri, access=access).close()
    assert shown == [f"Bearer {TOKEN}"] * 3
    assert TOKEN not in caplog.text


def test_without_a_token_there_is_no_header() -> None:
    """An actor that lets everybody in is asked as before."""

    def look(peer: Peer) -> None:
        assert "Authorization" not in peer.request.headers
        peer.welcome(**LOCKSTEP)

    with scripted(look) as uri:
        RemoteEnv(uri).close()


async def _open_and_close(uri: str) -> None:
    env = await AsyncRemoteEnv.connect(uri, token=TOKEN)
    await env.close()


def test_the_async_environment_passes_it_on() -> None:
    """Its arguments are those of `RemoteEnv`."""

    def look(peer: Peer) -> None:
        assert peer.request.headers["Authorization"] == f"Bearer {TOKEN}"
        peer.welcome(**LOCKSTEP)

    with scripted(look) as uri:
        asyncio.run(_open_and_close(uri))


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (401, ErrorCode.UNAUTHORIZED, "this actor's own"),
        (403, ErrorCode.FORBIDDEN, "something else"),
        (404, ErrorCode.NO_SUCH_ACTOR, "/actors/NAME"),
        (429, ErrorCode.TOO_MANY, "wait a minute"),
        (503, ErrorCode.FULL, "try again"),
    ],
)
def test_a_refusal(status: int, code: ErrorCode, hint: str) -> None:
    """Its code, its words, and a hint where it brings none."""
    with scripted(refusal(status, code), refusal(status, code, "Do this.")) as uri:
        for expected in (hint, "Do this."):
            with pytest.raises(RefusedError, match=r"No\.") as caught:
                Link(uri, access=Access(TOKEN))
            assert caught.value.code is code
            assert isinstance(caught.value, TurnedAwayError)
            assert caught.value.status == status
            assert expected in caught.value.hint
            assert TOKEN not in str(caught.value)


def test_a_refusal_moves_no_cursor() -> None:
    """Whoever answers there may be anybody: a terminal gets nothing from it that it would obey."""
    with (
        scripted(refusal(403, "forbidden", "\x1b[2J")) as uri,
        pytest.raises(RefusedError) as caught,
    ):
        Link(uri)
    assert caught.value.hint == "?[2J"


def test_without_a_token_the_hint_says_where_to_put_one() -> None:
    """As an argument, an option or a variable."""
    with scripted(refusal(401, "unauthorized")) as uri, pytest.raises(RefusedError) as caught:
        Link(uri)
    for way in ("token_file=", "--token-file", "AC_BRIDGE_TOKEN"):
        assert way in caught.value.hint


def test_an_address_that_has_moved() -> None:
    """A proxy that wants TLS sends elsewhere: nobody follows it, the hint says what to write."""
    moved = answer(308, b"", "Location: https://gaming-pc/")
    with scripted(moved) as uri, pytest.raises(ConnectError) as caught:
        Link(uri)
    assert "wss://" in caught.value.hint


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>\x1b[31m<h1>Bad gateway</h1></html>",
        b"\xff\xfe",
        b"[" * 5000,
        {"type": "refusal", "code": "no_such_code", "message": "No."},
        {"type": "refusal", "code": "full", "message": "x" * 2000},
        {"type": "refusal", "code": "full", "message": "No.", "more": 1},
        {"type": "event", "name": "taken_over"},
        b'{"type":"refusal","code":"full","message":"No."}' + b" " * 100_000,
    ],
)
def test_whatever_else_answers(body: object) -> None:
    """Is not believed to be an actor's refusal; little of it is shown, and nothing that blinks."""
    with scripted(answer(502, body)) as uri, pytest.raises(ConnectError) as caught:
        Link(uri)
    assert "refused the connection (502" in caught.value.message
    assert "behind it" in caught.value.hint
    assert len(caught.value.message) < 300
    assert caught.value.message.isprintable()


# --- Connecting again -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "no_such_actor"), (429, "too_many"), (503, "full")],
)
def test_a_no_that_may_pass_is_asked_again(status: int, code: str) -> None:
    """While a drive connects again: an actor that lost its link is back at its relay soon."""

    def cut(peer: Peer) -> None:
        peer.welcome()
        peer.begin()
        peer.next(Step)
        peer.cut()

    def again(peer: Peer) -> None:
        peer.welcome(resumed=True)
        peer.drive(1)
        peer.next(Release)

    no = refusal(status, code)
    with scripted(cut, no, no, again) as uri, contextlib.closing(RemoteEnv(uri)) as env:
        env.reset(seed=1)
        assert not env.step([0.0, 0.5, 0.0])[3]
        assert env.stats().reconnects == 1


def test_a_token_that_is_good_no_more_ends_the_session() -> None:
    """Nobody asks again and again for what was withdrawn: the episode ends, with a reason."""

    def cut(peer: Peer) -> None:
        peer.welcome()
        peer.begin()
        peer.next(Step)
        peer.cut()

    no = refusal(401, "unauthorized")
    with scripted(cut, no) as uri, contextlib.closing(RemoteEnv(uri)) as env:
        env.reset(seed=1)
        _, _, _, truncated, info = env.step([0.0, 0.5, 0.0])
        assert truncated
        assert info["end_reason"] == "session_lost"


def _forbid(peer: Peer) -> None:
    peer.next(Hello)
    peer.send(Refusal(code=ErrorCode.FULL, message="No."))
    peer.close()


@pytest.mark.parametrize("no", [refusal(403, "forbidden"), _forbid])
def test_a_no_that_stays_ends_the_session(no: Script) -> None:
    """Another refusal, and any that comes after the link was open."""

    def cut(peer: Peer) -> None:
        peer.welcome()
        peer.begin()
        peer.next(Step)
        peer.cut()

    with scripted(cut, no) as uri, contextlib.closing(RemoteEnv(uri)) as env:
        env.reset(seed=1)
        info = env.step([0.0, 0.5, 0.0])[4]
    assert info["end_reason"] is EndReason.SESSION_LOST


def test_a_no_that_does_not_pass_in_time() -> None:
    """The grace period ends, and the episode with it; the log says why."""

    def cut(peer: Peer) -> None:
        peer.welcome(grace_s=0.0)
        peer.begin()
        peer.next(Step)
        peer.cut()

    no = refusal(404, "no_such_actor")
    with scripted(cut, no) as uri, contextlib.closing(RemoteEnv(uri)) as env:
        env.reset(seed=1)
        info = env.step([0.0, 0.5, 0.0])[4]
    assert info["end_reason"] is EndReason.LINK_LOST


def test_at_first_a_no_is_a_no() -> None:
    """Whoever begins is told at once, also of what may pass."""
    no = refusal(503, "no_such_actor")
    with scripted(no) as uri, pytest.raises(TurnedAwayError):
        RemoteEnv(uri)
