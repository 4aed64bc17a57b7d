"""The shipped proxy configurations, started for real on free loopback ports.

What the files have in common with a real installation stays: only addresses, certificates and the
pace of the health checks are put in their place, and each of these must be found to be replaced.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from helpers.guardians import eventually

PROXY = Path(__file__).parents[2] / "deploy" / "proxy"
BACKEND = Path(__file__).with_name("echo_backend.py")
TIMEOUT_S = 30.0
PACE = {"inter 2s": "inter 100ms", "expire 60s": "expire 50ms", "maxconn 20000": "maxconn 1000"}
"""So that a test sees in a second what takes a minute in use, and may open fewer files."""


def needs(program: str) -> pytest.MarkDecorator:
    """Skip a test where a program is not installed; in CI it is."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Pair:
    """A self-signed certificate for 127.0.0.1, and whoever trusts it."""

    def __init__(self, folder: Path) -> None:
        self.cert, self.key, self.both = (folder / name for name in ("c.pem", "k.pem", "ck.pem"))
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        now = dt.datetime.now(dt.UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        cert = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        private = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.cert.write_bytes(cert.public_bytes(pem))
        self.key.write_bytes(private)
        self.both.write_bytes(cert.public_bytes(pem) + private)

    def trust(self) -> ssl.SSLContext:
        """Return what a client needs."""
        return ssl.create_default_context(cafile=str(self.cert))


class LostError(Exception):
    """The connection ended, or was never opened; says how."""


class Caller:
    """One WebSocket, read and written by one thread.

    Not websockets' own blocking client: its two threads share one TLS connection, and on Python
    3.11 a request is lost now and then.
    """

    def __init__(self, stream: ssl.SSLSocket, uri: str, headers: Mapping[str, str]) -> None:
        self._stream = stream
        self._protocol = ClientProtocol(parse_uri(uri))
        self._texts: list[str] = []
        request = self._protocol.connect()
        request.headers.update(headers)
        self._protocol.send_request(request)
        self._flush()
        while self._protocol.state is State.CONNECTING and not self._protocol.handshake_exc:
            self._read()
        if self._protocol.handshake_exc is not None:
            raise LostError(str(self._protocol.handshake_exc))

    def say(self, message: str) -> str:
        """Send a message and return the answer."""
        self._protocol.send_text(message.encode())
        self._flush()
        return self.hear()

    def hear(self) -> str:
        """Return the next message."""
        while not self._texts:
            if self._protocol.state is State.CLOSED:
                raise LostError(str(self._protocol.close_exc))
            self._read()
        return self._texts.pop(0)

    def _read(self) -> None:
        try:
            data = self._stream.recv(65536)
        except OSError as error:
            raise LostError(str(error)) from None
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._texts.append(bytes(event.data).decode())
        self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._stream.sendall(data)


class Door:
    """A proxy that runs, as its clients see it."""

    def __init__(self, port: int, pair: Pair) -> None:
        self.port = port
        self._trust = pair.trust()

    @contextlib.contextmanager
    def dial(self, path: str, **headers: str) -> Iterator[Caller]:
        """Open a WebSocket through the proxy."""
        try:
            bare = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)
            stream = self._trust.wrap_socket(bare, server_hostname="127.0.0.1")
        except OSError as error:
            raise LostError(str(error)) from None
        with stream:
            yield Caller(stream, f"wss://127.0.0.1:{self.port}{path}", headers)

    def ask(self, path: str, message: str = "hello", **headers: str) -> list[str]:
        """Return what the backend says: its name, the path, the address, the message."""
        with self.dial(path, **headers) as caller:
            return caller.say(message).split(" ")

    def answers(self) -> bool:
        """Return whether anything listens yet."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@contextlib.contextmanager
def running(
    command: list[str], stdout: int | IO[str], stderr: int, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a program until the end of the block; a watchdog ends it earlier if all hangs."""
    with subprocess.Popen(
        command, stdout=stdout, stderr=stderr, text=True, env=os.environ | variables
    ) as process:
        watchdog = threading.Timer(TIMEOUT_S * 2, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


@contextlib.contextmanager
def logging_to(file: Path, command: list[str], **variables: str) -> Iterator[subprocess.Popen[str]]:
    """The same, with what it says in a file: a pipe that nobody reads would stop it."""
    with (
        file.open("w") as output,
        running(command, output, subprocess.STDOUT, **variables) as process,
    ):
        yield process


@contextlib.contextmanager
def echo_backend(port: int, name: str) -> Iterator[subprocess.Popen[str]]:
    """Run a WebSocket server that says who it is."""
    command = [sys.executable, str(BACKEND), str(port), name]
    with running(command, subprocess.PIPE, subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


@contextlib.contextmanager
def haproxy(folder: Path, backends: list[int]) -> Iterator[Door]:
    """Run HAProxy as it is shipped, before backends on these ports."""
    pair, port = Pair(folder), free_port()
    text = (PROXY / "haproxy.cfg").read_text()
    changes = PACE | {"bind :443": f"bind 127.0.0.1:{port}"}
    changes |= {"/etc/haproxy/ac-bridge.pem alpn": f"{pair.both} alpn"}
    for number, backend in enumerate(backends, start=1):
        changes[f"10.0.0.1{number}:8765"] = f"127.0.0.1:{backend}"
    config = folder / "haproxy.cfg"
    config.write_text(_replaced(text, changes))
    with logging_to(folder / "log", ["haproxy", "-db", "-f", str(config)]) as process:
        door = Door(port, pair)
        assert eventually(_up(door, process, folder / "log"))
        yield door


@contextlib.contextmanager
def caddy(folder: Path, backend: int) -> Iterator[Door]:
    """Run Caddy as it is shipped, with a certificate of ours: it asks nobody for one."""
    pair, port = Pair(folder), free_port()
    text = (PROXY / "Caddyfile").read_text()
    changes = {
        "{\n\tservers": "{\n\tadmin off\n\tauto_https off\n\tservers",
        "\t# tls /etc/ac-bridge/cert.pem /etc/ac-bridge/key.pem": f"\ttls {pair.cert} {pair.key}",
    }
    config = folder / "Caddyfile"
    config.write_text(_replaced(text, changes))
    with logging_to(
        folder / "log",
        ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"],
        AC_BRIDGE_SITE=f"https://127.0.0.1:{port}",
        AC_BRIDGE_RELAY=f"127.0.0.1:{backend}",
        XDG_DATA_HOME=str(folder),
        XDG_CONFIG_HOME=str(folder),
    ) as process:
        door = Door(port, pair)
        assert eventually(_up(door, process, folder / "log"))
        yield door


def _up(door: Door, process: subprocess.Popen[str], log: Path) -> Callable[[], bool]:
    def is_up() -> bool:
        if process.poll() is not None:
            pytest.fail(f"It ended with {process.returncode}: {log.read_text()}")
        return door.answers()

    return is_up


def _replaced(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
