"""TLS on the serving side: a certificate and its key, taken anew when they are renewed."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

import structlog

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.trust import fingerprint_of

log = structlog.get_logger()

PEM_BYTES = 256 * 1024
"""Largest file of a certificate or key; a long chain takes 10 kB. Both are read about once a
second."""

DAY_S = 86_400.0

EXPIRES_SOON_S = 14 * DAY_S
"""A certificate's end is told of so long before: an authority's robot renews at thirty days."""


class ServerTls:
    """A certificate and its private key.

    Args:
        cert: PEM file of the certificate, with those that lead up to an authority after it.
        key: PEM file of its private key, without a passphrase.

    Attributes:
        context: for the connections accepted from now on. After `refresh` it may be another one: a
            context that is given a second pair keeps the first beside it if its kind is another.
        fingerprint: of the certificate, for learners to pin.
        expires: when it does, in wall-clock seconds.

    Raises:
        SettingError: what is wrong with which of them.
    """

    context: ssl.SSLContext
    fingerprint: str
    expires: float

    def __init__(self, cert: Path, key: Path) -> None:
        self._paths = (cert, key)
        self._problem = ""
        self._warned_of = 0.0
        self._data = self._read()
        self._take(self._data)

    def introduce(self) -> None:
        """Log what somebody needs who is to trust the certificate."""
        until = dt.datetime.fromtimestamp(self.expires, dt.UTC)
        log.info("tls", fingerprint=self.fingerprint, until=f"{until:%Y-%m-%d}")

    def warn_in_time(self, wall_s: float) -> None:
        """Log, once, that the certificate ends soon.

        Args:
            wall_s: now, in wall-clock seconds.
        """
        if self.expires - wall_s < EXPIRES_SOON_S and self._warned_of != self.expires:
            self._warned_of = self.expires
            days = (self.expires - wall_s) / DAY_S
            log.warning(
                "certificate ends soon" if days > 0 else "certificate has ended",
                days=round(abs(days), 1),
                hint="Write a new one to the same files; no restart is needed.",
            )

    def refresh(self) -> bool:
        """Look at the files again; return whether the certificate is another one. Never raises."""
        try:
            data = self._read()
            if data == self._data and not self._problem:
                return False
            self._take(data)
        except SettingError as error:
            if error.message != self._problem:  # perhaps only one of the two is there already
                log.warning("certificate not taken", reason=str(error), hint="The old one stays.")
            self._problem = error.message
            return False
        changed = data != self._data
        self._data, self._problem = data, ""
        if changed:
            log.info("certificate taken", fingerprint=self.fingerprint)
        return changed

    def _read(self) -> tuple[bytes, bytes]:
        cert, key = self._paths
        return _read_pem(cert, "tls_cert"), _read_pem(key, "tls_key")

    def _take(self, data: tuple[bytes, bytes]) -> None:
        """Take what the files hold; nothing changes if it cannot be used."""
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding

        try:
            leaf = x509.load_pem_x509_certificates(data[0])[0]
        except ValueError as error:
            raise SettingError(
                f"{self._paths[0]} holds no certificate that can be read.",
                setting="tls_cert",
                hint="It has to be PEM, as ac-bridge cert new writes it; is it the key?",
            ) from error
        context = self._loaded(data[1])
        self.context = context
        self.fingerprint = fingerprint_of(leaf.public_bytes(Encoding.DER))
        self.expires = leaf.not_valid_after_utc.timestamp()

    def _loaded(self, key_pem: bytes) -> ssl.SSLContext:
        cert, key = self._paths
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION  # a handshake's work again, for who asks
        try:
            context.load_cert_chain(cert, key, password=_no_passphrase)
        except (ssl.SSLError, OSError, ValueError) as error:
            if b"ENCRYPTED" in key_pem:
                what, hint = (
                    "has a passphrase",
                    "Write it without one (openssl pkey -in OLD -out NEW).",
                )
            elif isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
                what = f"is not the key of {cert}"
                hint = "Give the pair that belongs together, as ac-bridge cert new wrote it."
            else:
                what, hint = "holds no private key that can be read", "It has to be PEM."
            raise SettingError(f"{key} {what}.", setting="tls_key", hint=hint) from error
        return context


def _no_passphrase() -> str:
    """Answer in the place of a person: a server that asks at its terminal does not start."""
    return ""


def _read_pem(path: Path, setting: str) -> bytes:
    what = "certificate" if setting == "tls_cert" else "private key"
    try:
        with path.open("rb") as file:
            data = file.read(PEM_BYTES + 1)
    except OSError as error:
        raise SettingError(
            f"The {what} {path} cannot be read: {error.strerror or error}.",
            setting=setting,
            hint="Check its path; ac-bridge cert new makes a pair.",
        ) from error
    if len(data) > PEM_BYTES:
        raise SettingError(
            f"The {what} {path} is larger than {PEM_BYTES // 1024} kB.",
            setting=setting,
            hint="Is it the right file?",
        )
    return data
