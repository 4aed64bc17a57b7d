"""Whom the dialling side believes to be the server: TLS with a meaning.

A learner that dials an actor or a relay, and an actor that dials a relay, verify by default: the
chain up to an authority that the system knows, the name, the dates. A CA file puts another
authority in the system's place. A fingerprint pins one certificate, and stands for all other
checks: whoever has its key is the one that is meant, whatever it is called.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import ssl

from ac_bridge_protocol.errors import ConnectError, SettingError

FINGERPRINT = "sha256:"
"""What the fingerprint of a certificate begins with, before 64 hexadecimal digits."""

_WRITTEN = re.compile(r"(?:sha-?256(?:\s+fingerprint)?\s*[:=])?\s*((?:[0-9a-f]{2}:?){32})")


@dataclasses.dataclass(frozen=True, slots=True)
class Trust:
    """Whom to believe.

    Attributes:
        ca_file: PEM file of certificates to believe instead of the system's authorities; a
            self-signed server's own certificate will do.
        fingerprint: of the only certificate to believe. With or without ``sha256:`` and colons.

    Raises:
        SettingError: both, a file that cannot be used, or what is not a fingerprint.
    """

    ca_file: str = ""
    fingerprint: str = ""

    def __post_init__(self) -> None:
        if self.ca_file and self.fingerprint:
            raise SettingError(
                "A CA file and a fingerprint were given, and only one of them can decide.",
                setting="fingerprint",
                hint="The fingerprint is for a self-signed certificate; leave out the other.",
            )
        if self.fingerprint:
            object.__setattr__(self, "fingerprint", _read_fingerprint(self.fingerprint))
        elif self.ca_file:
            self.context()

    def context(self) -> ssl.SSLContext:
        """Return what to wrap a socket with; `check` must follow the handshake.

        Raises:
            SettingError: the CA file cannot be used.
        """
        if self.fingerprint:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # `check` compares the whole certificate
        elif self.ca_file:
            context = _context_of(self.ca_file)
        else:
            context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def check(self, der: bytes | None, uri: str) -> None:
        """Check a server's certificate against the fingerprint, if there is one.

        Args:
            der: the certificate: ``getpeercert(binary_form=True)``.
            uri: of the server, for the error.

        Raises:
            ConnectError: it is another certificate; says both fingerprints.
        """
        if not self.fingerprint:
            return
        shown = fingerprint_of(der) if der else "none"
        if shown != self.fingerprint:
            raise ConnectError(
                f"{uri} is not the server that was pinned: its certificate's fingerprint is "
                f"{shown}, and {self.fingerprint} was expected.",
                uri=uri,
                hint="If its certificate was made anew, give the new fingerprint, as the server "
                "itself prints it; if not, somebody else answers there: do not connect.",
            )


def fingerprint_of(der: bytes) -> str:
    """Return the fingerprint of a certificate: ``sha256:`` and 64 hexadecimal digits."""
    return FINGERPRINT + hashlib.sha256(der).hexdigest()


def explain_tls(error: ssl.SSLError, uri: str, host: str) -> ConnectError:
    """Return the error to raise for a TLS handshake that went wrong.

    Args:
        error: what OpenSSL says.
        uri: that was dialled.
        host: in it.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        message, hint = _explain_certificate(error, uri, host)
    else:
        message, hint = _explain_handshake(error, uri)
    return ConnectError(message, uri=uri, hint=hint)


_PIN = (
    "Give its fingerprint (--fingerprint, fingerprint=; for an actor's relay --relay-fingerprint): "
    "ac-bridge cert new printed it, and the server does as it starts. Or give the certificate "
    "itself as the CA file."
)
_OWN_AUTHORITY = (
    "If the authority is your own, give its certificate as the CA file (--ca-file, ca_file=); "
    "else ask whoever runs the server."
)

_EXPIRED, _NOT_YET_VALID = 10, 9
_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN = 18, 19
_UNKNOWN_ISSUERS = (2, 20, 21)
_WRONG_NAMES = (62, 64)
"""OpenSSL's numbers (X509_V_ERR_...): its sentences differ from version to version."""


def _explain_certificate(
    error: ssl.SSLCertVerificationError, uri: str, host: str
) -> tuple[str, str]:
    code = error.verify_code
    if code == _EXPIRED:
        return (
            f"The certificate of {uri} has expired.",
            (
                "On the server, renew it (ac-bridge cert new --force for a self-signed one); if it "
                "is new, check this machine's clock."
            ),
        )
    if code == _NOT_YET_VALID:
        return (
            f"The certificate of {uri} is not valid yet.",
            "Check the clocks of this machine and of the one that made the certificate.",
        )
    if code == _SELF_SIGNED:
        return f"The certificate of {uri} is self-signed, and not known here.", _PIN
    if code == _SELF_SIGNED_IN_CHAIN or code in _UNKNOWN_ISSUERS:
        return (
            f"The certificate of {uri} was signed by an authority that is not known here.",
            _OWN_AUTHORITY,
        )
    if code in _WRONG_NAMES:
        return (
            f"The certificate of {uri} was made for another name than {host}.",
            (
                "Dial the name it was made for, make one for this name (ac-bridge cert new --host "
                f"{host}), or pin its fingerprint."
            ),
        )
    return (
        f"The certificate of {uri} cannot be trusted: {error.verify_message}.",
        "Ask whoever runs the server.",
    )


_NOT_TLS = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
_TOO_OLD = (
    "UNSUPPORTED_PROTOCOL",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "NO_PROTOCOLS_AVAILABLE",
    "VERSION_TOO_LOW",
)


def _explain_handshake(error: ssl.SSLError, uri: str) -> tuple[str, str]:
    reason = getattr(error, "reason", None) or ""  # only OpenSSL's own errors have one
    if reason in _NOT_TLS:
        return (
            f"{uri} does not speak TLS.",
            (
                "Write ws:// for a server without a certificate, or start it with one (--tls-cert, "
                "--tls-key); check the port too."
            ),
        )
    if reason in _TOO_OLD:
        return (
            f"{uri} and this machine have no version of TLS in common; at least 1.2 is needed.",
            "Bring the server, or the proxy in front of it, up to date.",
        )
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return (
            f"{uri} hung up while TLS was being agreed on.",
            "Does it speak TLS there? Without a certificate it is ws://, not wss://.",
        )
    text = reason.replace("_", " ").lower() or str(error)
    return (
        f"TLS with {uri} failed: {text}.",
        "Check the port, and the server's log.",
    )


def _context_of(ca_file: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise SettingError(
            f"The CA file {ca_file} holds no certificate that can be read.",
            setting="ca_file",
            hint="It has to be PEM: lines between BEGIN CERTIFICATE and END CERTIFICATE.",
        ) from error
    except OSError as error:
        raise SettingError(
            f"The CA file {ca_file} cannot be read: {error.strerror or error}.",
            setting="ca_file",
            hint="Check its path.",
        ) from error
    # What stands in the file is believed as it is: a server's own certificate need not be signed.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _read_fingerprint(text: str) -> str:
    found = _WRITTEN.fullmatch(text.strip().lower())
    if found is None:
        raise SettingError(
            f"{text!r} is not the fingerprint of a certificate.",
            setting="fingerprint",
            hint="Write sha256: and 64 hexadecimal digits, as ac-bridge cert new prints them.",
        )
    return FINGERPRINT + found.group(1).replace(":", "")
