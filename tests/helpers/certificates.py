"""Certificates of every kind: self-signed, by an authority, expired, for another host."""

from __future__ import annotations

import dataclasses
import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ac_bridge.clock import SystemClock
from ac_bridge.net.certificate import self_signed, write_pair
from ac_bridge.net.tls import ServerTls
from ac_bridge_protocol.trust import fingerprint_of

DAY_S = 86_400.0


@dataclasses.dataclass(frozen=True)
class Files:
    """A pair in its files."""

    cert: Path
    key: Path
    fingerprint: str

    def server(self) -> ServerTls:
        """Return the serving side."""
        return ServerTls(self.cert, self.key)


def self_signed_files(
    folder: Path, *hosts: str, name: str = "own", begins_s: float = 0.0, days: float = 2.0
) -> Files:
    """Make a self-signed pair, as `ac-bridge cert new` does; replaces one of the same name.

    Args:
        folder: where its files go.
        hosts: what it is for; 127.0.0.1 if nothing is said.
        name: of its files.
        begins_s: when it is made, in seconds from now.
        days: that it is valid for.
    """
    pair = self_signed(hosts or ("127.0.0.1",), SystemClock().wall() + begins_s, days)
    files = Files(folder / f"{name}-cert.pem", folder / f"{name}-key.pem", pair.fingerprint)
    write_pair(pair, files.cert, files.key, force=True)
    return files


class Authority:
    """One that signs certificates.

    Args:
        folder: where its files go.
        name: of its own file.

    Attributes:
        ca_file: its own certificate.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.ca_file = folder / f"{name}.pem"
        certificate = (
            self._builder(self._name, self._key, -DAY_S, DAY_S)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    key_cert_sign=True,
                    crl_sign=True,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .sign(self._key, hashes.SHA256())
        )
        self.ca_file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(
        self, *hosts: str, name: str = "leaf", begins_s: float = -DAY_S, ends_s: float = DAY_S
    ) -> Files:
        """Sign a server's certificate.

        Args:
            hosts: what it is for; 127.0.0.1 if nothing is said.
            name: of its files.
            begins_s: from when on it is valid, in seconds from now.
            ends_s: until when.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        alternatives = [_host(host) for host in hosts or ("127.0.0.1",)]
        certificate = (
            self._builder(called, key, begins_s, ends_s)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        files = Files(
            self._folder / f"{name}-cert.pem",
            self._folder / f"{name}-key.pem",
            fingerprint_of(certificate.public_bytes(Encoding.DER)),
        )
        files.cert.write_bytes(certificate.public_bytes(Encoding.PEM))
        files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, begins_s: float, ends_s: float
    ) -> x509.CertificateBuilder:
        now = dt.datetime.fromtimestamp(int(SystemClock().wall()), dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + dt.timedelta(seconds=begins_s))
            .not_valid_after(now + dt.timedelta(seconds=ends_s))
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
