"""Whom the dialling side believes, tried without a socket."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from ac_bridge_protocol.errors import ConnectError, SettingError
from ac_bridge_protocol.trust import Trust, explain_tls, fingerprint_of
from helpers.certificates import Authority, Files, self_signed_files

URI = "wss://gaming-pc:8765"
DIGITS = "0123456789abcdef" * 4
PINNED = f"sha256:{DIGITS}"


def meet(trust: Trust, files: Files, host: str = "127.0.0.1", strict: bool = False) -> bytes | None:
    """Shake hands in memory; return the server's certificate."""
    context = trust.context()
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    learner = context.wrap_bio(back, there, server_hostname=host)
    server = files.server().context.wrap_bio(there, back, server_side=True)
    for _ in range(3):
        for side in (learner, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return learner.getpeercert(binary_form=True)


@pytest.mark.parametrize(
    "written",
    [
        PINNED,
        DIGITS,
        DIGITS.upper(),
        f"SHA256:{DIGITS}",
        f"  {PINNED}\n",
        ":".join(DIGITS[i : i + 2] for i in range(0, 64, 2)).upper(),
        "sha256 Fingerprint=" + ":".join(DIGITS[i : i + 2] for i in range(0, 64, 2)),
    ],
)
def test_spellings_of_a_fingerprint(written: str) -> None:
    """As we print it, as openssl and browsers do."""
    assert Trust(fingerprint=written).fingerprint == PINNED


@pytest.mark.parametrize(
    "written", ["sha256:", DIGITS[:-1], DIGITS + "0", "sha1:" + DIGITS[:40], "x" * 64, " "]
)
def test_what_is_no_fingerprint(written: str) -> None:
    """Says how one looks."""
    with pytest.raises(SettingError, match="is not the fingerprint") as caught:
        Trust(fingerprint=written)
    assert caught.value.setting == "fingerprint"
    assert "64" in caught.value.hint


def test_only_one_can_decide() -> None:
    """A CA file and a fingerprint together: which of them is meant?"""
    with pytest.raises(SettingError, match="only one"):
        Trust(ca_file="ca.pem", fingerprint=PINNED)


def test_a_ca_file_that_cannot_be_used(tmp_path: Path) -> None:
    """Said at once, not at the first connection."""
    nothing, nonsense = tmp_path / "none.pem", tmp_path / "nonsense.pem"
    nonsense.write_bytes(b"nonsense")
    for path, says in ((nothing, "cannot be read"), (nonsense, "no certificate")):
        with pytest.raises(SettingError, match=says) as caught:
            Trust(ca_file=str(path))
        assert caught.value.setting == "ca_file"


def test_verification_is_on_by_default() -> None:
    """Chain and name, and no old TLS."""
    context = Trust().context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    for trust in (Trust(), Trust(fingerprint=PINNED)):
        assert trust.context().minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_ca_file_stands_for_the_systems_authorities(tmp_path: Path) -> None:
    """One certificate is believed, and no other."""
    context = Trust(ca_file=str(Authority(tmp_path).ca_file)).context()
    assert context.cert_store_stats()["x509"] == 1
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("strict", [False, True])
def test_a_self_signed_certificate_is_its_own_ca_file(tmp_path: Path, strict: bool) -> None:
    """What `ac-bridge cert new` makes; also as strictly as later Pythons verify by default."""
    files = self_signed_files(tmp_path, "127.0.0.1", "gaming-pc")
    trust = Trust(ca_file=str(files.cert))
    for host in ("127.0.0.1", "gaming-pc"):
        der = meet(trust, files, host, strict)
        assert der is not None
        assert fingerprint_of(der) == files.fingerprint
    with pytest.raises(ssl.SSLCertVerificationError):
        meet(trust, files, "other")


def test_a_leaf_is_believed_without_its_authority(tmp_path: Path) -> None:
    """What stands in the CA file is believed as it is."""
    files = Authority(tmp_path).issue()
    assert meet(Trust(ca_file=str(files.cert)), files)


def test_a_pin(tmp_path: Path) -> None:
    """The one certificate passes, another one does not, and none does not either."""
    files, other = self_signed_files(tmp_path), self_signed_files(tmp_path, name="other")
    trust = Trust(fingerprint=files.fingerprint)
    der = meet(trust, files, host="whatever")
    trust.check(der, URI)
    for shown in (meet(trust, other), None, b""):
        with pytest.raises(ConnectError, match="is not the server that was pinned") as caught:
            trust.check(shown, URI)
        assert files.fingerprint in caught.value.message
        assert caught.value.uri == URI
    Trust().check(None, URI)


def certificate_error(code: int) -> ssl.SSLCertVerificationError:
    """Return what OpenSSL raises for a certificate."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "some sentence"
    return error


def handshake_error(reason: str) -> ssl.SSLError:
    """Return what OpenSSL raises for a handshake."""
    error = ssl.SSLError(1, "something")
    error.reason = reason
    return error


ERRORS = [
    (certificate_error(10), "has expired", "renew"),
    (certificate_error(9), "not valid yet", "clocks"),
    (certificate_error(18), "self-signed", "fingerprint"),
    (certificate_error(19), "authority that is not known", "CA file"),
    (certificate_error(20), "authority that is not known", "CA file"),
    (certificate_error(21), "authority that is not known", "CA file"),
    (certificate_error(62), "another name than gaming-pc", "--host gaming-pc"),
    (certificate_error(64), "another name than gaming-pc", "--host gaming-pc"),
    (certificate_error(23), "some sentence", "whoever runs the server"),
    (handshake_error("WRONG_VERSION_NUMBER"), "does not speak TLS", "ws://"),
    (handshake_error("RECORD_LAYER_FAILURE"), "does not speak TLS", "ws://"),
    (handshake_error("TLSV1_ALERT_PROTOCOL_VERSION"), "1.2 is needed", "up to date"),
    (ssl.SSLEOFError(8, "EOF occurred"), "hung up", "ws://"),
    (handshake_error("SSLV3_ALERT_HANDSHAKE_FAILURE"), "alert handshake failure", "log"),
    (ssl.SSLError(1, "something odd"), "something odd", "log"),
]


@pytest.mark.parametrize(("error", "says", "hint"), ERRORS)
def test_every_mishap_has_its_sentence(error: ssl.SSLError, says: str, hint: str) -> None:
    """What happened, to what, and what to do."""
    said = explain_tls(error, URI, "gaming-pc")
    assert says in said.message
    assert URI in said.message
    assert hint in said.hint
    assert said.uri == URI
