"""A learner over TLS: whom it believes, and what it says of the others."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ac_bridge_client import Link, RemoteEnv
from ac_bridge_client.access import Access
from ac_bridge_client.dial import warn_of_plain_token
from ac_bridge_protocol.errors import ConnectError, LinkError
from ac_bridge_protocol.messages import EndReason, Release, Step
from ac_bridge_protocol.trust import Trust
from helpers.certificates import DAY_S, Authority, Files, self_signed_files
from helpers.scripted import PATIENCE_S, Peer, scripted

TOKEN = "a-token-that-nobody-may-ever-read-in-a-log"  # noqa: S105


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's certificates are."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    """One that no system knows."""
    return Authority(folder)


@pytest.fixture(scope="module")
def own(folder: Path) -> Files:
    """A self-signed pair for 127.0.0.1."""
    return self_signed_files(folder)


@contextlib.contextmanager
def served(files: Files) -> Iterator[str]:
    """An actor with a certificate that nobody gets any further with than its handshake."""
    with scripted(lambda _: None, tls=files.server().context) as uri:
        yield uri


def refused(uri: str, trust: Trust) -> ConnectError:
    """Return why a link could not be opened; no error may repeat the token."""
    with pytest.raises(ConnectError) as caught:
        Link(uri, access=Access(TOKEN, trust))
    error = caught.value
    assert TOKEN not in f"{error} {error!r}"
    assert error.uri == uri
    assert error.hint
    return error


def drive(uri: str, **access: Any) -> None:
    """Drive an episode of two steps."""
    with contextlib.closing(RemoteEnv(uri, token=TOKEN, **access)) as env:
        env.reset(seed=1)
        for _ in range(2):
            env.step([0.0, 0.5, 0.0])


def episode(peer: Peer) -> None:
    """Be the actor of `drive`, which must let go of the car at the end."""
    assert peer.request.headers["Authorization"] == f"Bearer {TOKEN}"
    peer.welcome()
    peer.begin()
    peer.drive(2)
    peer.next(Release)


def test_an_authority_of_our_own(authority: Authority) -> None:
    """With its CA file a whole episode is driven, by address and by name."""
    files = authority.issue("127.0.0.1", "localhost")
    with scripted(episode, episode, tls=files.server().context) as uri:
        drive(uri, ca_file=str(authority.ca_file))
        drive(uri.replace("127.0.0.1", "localhost"), ca_file=str(authority.ca_file))


def test_a_pinned_certificate(own: Files) -> None:
    """A fingerprint will do, whatever the name and the dates."""
    with scripted(episode, tls=own.server().context) as uri:
        drive(uri, fingerprint=own.fingerprint)


def test_a_pin_stands_for_name_and_dates(folder: Path) -> None:
    """A certificate that is expired and for another host is still the one that was pinned."""
    files = self_signed_files(folder, "other", name="old", begins_s=-9 * DAY_S)
    with scripted(episode, tls=files.server().context) as uri:
        drive(uri, fingerprint=files.fingerprint)


def test_a_self_signed_certificate_as_its_own_authority(own: Files) -> None:
    """Whoever has the file needs no fingerprint."""
    with scripted(episode, tls=own.server().context) as uri:
        drive(uri, ca_file=str(own.cert))


def test_a_wrong_fingerprint(own: Files, folder: Path) -> None:
    """Says both, and nothing is sent to whoever answers there."""
    other = self_signed_files(folder, name="other")
    heard: list[Peer] = []
    with scripted(heard.append, tls=own.server().context) as uri:
        error = refused(uri, Trust(fingerprint=other.fingerprint))
    assert own.fingerprint in error.message
    assert other.fingerprint in error.message
    assert "do not connect" in error.hint
    assert not heard


def test_an_expired_certificate(authority: Authority) -> None:
    """Says so, and where to renew it."""
    files = authority.issue(name="expired", begins_s=-9 * DAY_S, ends_s=-DAY_S)
    with served(files) as uri:
        error = refused(uri, Trust(ca_file=str(authority.ca_file)))
    assert "has expired" in error.message
    assert "clock" in error.hint


def test_a_certificate_of_tomorrow(authority: Authority) -> None:
    """Says so, and to look at the clocks."""
    files = authority.issue(name="early", begins_s=DAY_S / 2)
    with served(files) as uri:
        error = refused(uri, Trust(ca_file=str(authority.ca_file)))
    assert "not valid yet" in error.message
    assert "clocks" in error.hint


def test_a_self_signed_certificate_is_not_believed_by_default(own: Files) -> None:
    """Says how to believe it."""
    with served(own) as uri:
        error = refused(uri, Trust())
    assert "self-signed" in error.message
    assert "fingerprint" in error.hint


def test_an_unknown_authority(authority: Authority, folder: Path) -> None:
    """The system's authorities do not know it, and another one does not stand in for it."""
    files = authority.issue(name="unknown")
    for trust in (Trust(), Trust(ca_file=str(Authority(folder, "stranger").ca_file))):
        with served(files) as uri:
            error = refused(uri, trust)
        assert "authority that is not known" in error.message
        assert "CA file" in error.hint


def test_a_certificate_for_another_host(authority: Authority) -> None:
    """Says which name was dialled, and how to make a certificate for it."""
    files = authority.issue("gaming-pc", "10.0.0.1", name="elsewhere")
    for host in ("127.0.0.1", "localhost"):
        with served(files) as uri:
            dialled = uri.replace("127.0.0.1", host)
            error = refused(dialled, Trust(ca_file=str(authority.ca_file)))
        assert f"another name than {host}" in error.message
        assert f"--host {host}" in error.hint


def test_no_tls_behind_wss() -> None:
    """A plain server is named as one."""

    def plain(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with contextlib.suppress(OSError):
            sock.recv(65536)

    with listening(plain) as port:
        error = refused(f"wss://127.0.0.1:{port}", Trust())
    assert "does not speak TLS" in error.message
    assert "ws://" in error.hint


def test_tls_behind_ws(own: Files) -> None:
    """A server with TLS hangs up on a plain request: the hint names wss."""
    with served(own) as uri:
        error = refused(uri.replace("wss://", "ws://"), Trust())
    assert "wss://" in error.hint


def test_a_server_that_hangs_up() -> None:
    """In the middle of TLS: the hint asks whether it is spoken there at all."""
    with listening(lambda sock: sock.recv(1)) as port:
        error = refused(f"wss://127.0.0.1:{port}", Trust())
    assert "ws://" in error.hint


def test_a_server_that_says_nothing() -> None:
    """The timeout holds for TLS as well."""
    done = threading.Event()
    with listening(lambda _: done.wait(PATIENCE_S)) as port:
        with pytest.raises(ConnectError, match=r"did not answer within 0\.2 s") as caught:
            Link(f"wss://127.0.0.1:{port}", connect_timeout_s=0.2)
        done.set()
    assert "TLS" in caught.value.hint


def test_nothing_listens_with_tls() -> None:
    """The same sentence as without."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = refused(f"wss://127.0.0.1:{unused.getsockname()[1]}", Trust())
    assert "Nothing listens" in error.message


def test_an_impostor_while_driving(own: Files, folder: Path) -> None:
    """A lost link is not replaced by one to whoever else answers there: the episode ends."""
    other = self_signed_files(folder, name="impostor")
    context = own.server().context
    heard: list[Peer] = []

    def cut(peer: Peer) -> None:
        peer.welcome(grace_s=0.0)
        peer.begin()
        peer.next(Step)
        context.load_cert_chain(other.cert, other.key)
        peer.cut()

    with scripted(cut, heard.append, tls=context) as uri:
        env = RemoteEnv(uri, token=TOKEN, fingerprint=own.fingerprint)
        env.reset(seed=1)
        info = env.step([0.0, 0.5, 0.0])[4]
        env.close()
    assert info["end_reason"] is EndReason.LINK_LOST
    assert not heard


def test_a_deaf_link_says_good_bye_in_cipher(own: Files) -> None:
    """Ended from another thread, the link still lets go of the car, over TLS."""
    waiting = threading.Event()

    def actor(peer: Peer) -> None:
        peer.welcome()
        peer.begin()
        peer.next(Step)  # which is never answered
        waiting.set()
        peer.next(Release)  # in plain text TLS would not have let it through
        released.set()

    released = threading.Event()
    with scripted(actor, tls=own.server().context) as uri:
        env = RemoteEnv(uri, fingerprint=own.fingerprint)
        env.reset(seed=1)
        ended: list[BaseException] = []

        def step() -> None:
            try:
                env.step([0.0, 0.5, 0.0])
            except LinkError as error:
                ended.append(error)

        stepping = threading.Thread(target=step)
        stepping.start()
        assert waiting.wait(PATIENCE_S)
        env.interrupt()
        stepping.join(PATIENCE_S)
        assert not stepping.is_alive()
        assert len(ended) == 1
        env.close()
        assert released.wait(PATIENCE_S)


def test_a_token_in_plain_text_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """For each host, unless it is this machine; and without repeating it."""
    warn_of_plain_token.cache_clear()
    with caplog.at_level(logging.WARNING, "ac_bridge_client"):
        for host in ("192.0.2.1", "127.0.0.1", "::1", "localhost", "192.0.2.1", "gaming-pc"):
            warn_of_plain_token(host)
    assert [record.args for record in caplog.records] == [("192.0.2.1",), ("gaming-pc",)]
    assert "wss://" in caplog.text


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """Serve one connection by a function; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            sock, _ = server.accept()
            with sock:
                serve(sock)

        thread = threading.Thread(target=run)
        thread.start()
        yield server.getsockname()[1]
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
