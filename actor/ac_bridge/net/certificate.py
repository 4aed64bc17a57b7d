"""Makes the certificate of a server that no authority knows: for a home, pinned by its learners."""

from __future__ import annotations

import dataclasses
import datetime as dt
import ipaddress
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ac_bridge.net.token_file import OWNER_ONLY
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.trust import fingerprint_of

if TYPE_CHECKING:
    from cryptography.x509 import GeneralName

EARLIER_S = 86_400.0
"""Valid from so long before it was made: the clock of a home computer may be hours behind."""

DAYS = (1, 3650)
"""How long a certificate may be valid: nobody renews one that was forgotten for ten years."""

EVERYBODY_READS = 0o644
"""The mode of a file that holds no secret."""

_HOST = re.compile(
    r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key.

    Attributes:
        cert: as PEM.
        key: as PEM, without a passphrase.
        fingerprint: of the certificate, for learners to pin.
        expires_s: when the certificate does, in wall-clock seconds.
    """

    cert: bytes
    key: bytes = dataclasses.field(repr=False)
    fingerprint: str
    expires_s: float


def self_signed(hosts: Sequence[str], now_s: float, days: float) -> Pair:
    """Return a new certificate, signed by its own key.

    Args:
        hosts: names and addresses that it is valid for.
        now_s: the time, in wall-clock seconds.
        days: that it is valid for.

    Raises:
        SettingError: what is no host.
    """
    from cryptography import x509  # slow to import, and needed once a year
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    names = [_name_of(host) for host in dict.fromkeys(hosts)]
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ac-bridge")])
    expires = _moment(now_s + days * 86_400.0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(min(now_s, expires.timestamp()) - EARLIER_S))
        .not_valid_after(expires)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair(
        cert=certificate.public_bytes(serialization.Encoding.PEM),
        key=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        fingerprint=fingerprint_of(certificate.public_bytes(serialization.Encoding.DER)),
        expires_s=expires.timestamp(),
    )


def write_pair(pair: Pair, cert: Path, key: Path, *, force: bool = False) -> None:
    """Write a pair to its two files; the key for its owner alone.

    Args:
        pair: what to write.
        cert: file of the certificate.
        key: file of the key.
        force: whether to replace files that are there. A server that uses them takes the new pair
            as soon as both are written.

    Raises:
        SettingError: a file is there already, or cannot be written.
    """
    there = [path for path in (cert, key) if path.exists()]
    if there and not force:
        raise SettingError(
            f"{' and '.join(str(path) for path in there)} would be replaced.",
            setting="tls_cert" if there[0] == cert else "tls_key",
            hint="Name other files with --cert and --key, or say --force: learners that pinned "
            "the old certificate then need the new fingerprint.",
        )
    if cert == key:
        raise SettingError(
            "The certificate and its key need a file each.",
            setting="tls_key",
            hint="Learners may get the certificate, and nobody the key.",
        )
    _write(key, pair.key, OWNER_ONLY, "tls_key")
    _write(cert, pair.cert, EVERYBODY_READS, "tls_cert")


def _write(path: Path, data: bytes, mode: int, setting: str) -> None:
    """Write a file that is there whole, or not at all."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as file:  # noqa: PTH123 -- a descriptor, not a path
            file.write(data)
        beside.replace(path)
    except OSError as error:
        raise SettingError(
            f"{path} cannot be written: {error.strerror or error}.",
            setting=setting,
            hint="Check that its folder exists and that you may write there.",
        ) from error


def _moment(wall_s: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(wall_s), dt.UTC)


def _name_of(host: str) -> GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        pass
    try:
        name = host.encode("idna").decode().lower()
    except UnicodeError:
        name = ""
    if not _HOST.fullmatch(name):
        raise SettingError(
            f"{host!r} is neither a host's name nor an IP address.",
            setting="host",
            hint="Write it without ws:// and without a port: --host my-pc --host 192.168.1.20",
        )
    return x509.DNSName(name)
