"""The serving side's certificate: loaded, refused, renewed."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from structlog.testing import capture_logs

from ac_bridge.clock import SystemClock
from ac_bridge.net.tls import PEM_BYTES, ServerTls
from ac_bridge_protocol.errors import SettingError
from helpers.certificates import DAY_S, Authority, Files, self_signed_files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A self-signed pair."""
    return self_signed_files(tmp_path)


def refused(cert: Path, key: Path) -> SettingError:
    """Return why a pair cannot be used."""
    with pytest.raises(SettingError) as caught:
        ServerTls(cert, key)
    assert caught.value.hint
    return caught.value


def test_a_pair(files: Files) -> None:
    """Its fingerprint and its end are known; old versions of TLS are not spoken."""
    tls = files.server()
    assert tls.fingerprint == files.fingerprint
    assert abs(tls.expires - (SystemClock().wall() + 2 * DAY_S)) < 600
    assert tls.context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert not tls.refresh()


def test_of_a_chain_the_first_counts(tmp_path: Path) -> None:
    """The server's own; those that lead up to an authority follow it."""
    authority = Authority(tmp_path)
    leaf = authority.issue()
    leaf.cert.write_bytes(leaf.cert.read_bytes() + authority.ca_file.read_bytes())
    assert leaf.server().fingerprint == leaf.fingerprint


def test_renewal(files: Files, tmp_path: Path) -> None:
    """The new pair is taken as soon as both of its files are there, and not before."""
    tls = files.server()
    before = tls.context
    new = self_signed_files(tmp_path, name="new")
    shutil.copyfile(new.key, files.key)
    with capture_logs() as logs:
        assert not tls.refresh(), "only one of the two is there"
        assert not tls.refresh()
    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert (tls.context, tls.fingerprint) == (before, files.fingerprint)
    shutil.copyfile(new.cert, files.cert)
    assert tls.refresh()
    assert tls.fingerprint == new.fingerprint
    assert tls.context is not before
    assert not tls.refresh()


def test_a_broken_renewal_keeps_the_old_pair(files: Files) -> None:
    """Whatever becomes of the files; and the old one back in place is no change."""
    tls = files.server()
    good = files.cert.read_bytes()
    for broken in (b"", b"nonsense", None):
        if broken is None:
            files.cert.unlink()
        else:
            files.cert.write_bytes(broken)
        assert not tls.refresh()
        assert tls.fingerprint == files.fingerprint
    files.cert.write_bytes(good)
    assert not tls.refresh()


def test_no_such_file(files: Files, tmp_path: Path) -> None:
    """The error names the setting and the file."""
    error = refused(tmp_path / "none", files.key)
    assert (error.setting, "none" in error.message) == ("tls_cert", True)
    assert "ac-bridge cert new" in error.hint
    assert refused(files.cert, tmp_path / "none").setting == "tls_key"


def test_files_swapped(files: Files) -> None:
    """The certificate's place holds the key."""
    error = refused(files.key, files.cert)
    assert error.setting == "tls_cert"
    assert "is it the key?" in error.hint


def test_a_key_of_another_certificate(files: Files, tmp_path: Path) -> None:
    """Says that they do not belong together."""
    error = refused(files.cert, self_signed_files(tmp_path, name="other").key)
    assert error.setting == "tls_key"
    assert "is not the key of" in error.message


def test_a_key_with_a_passphrase(files: Files) -> None:
    """Nobody is there to type it; nothing waits for a terminal."""
    key = load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    error = refused(files.cert, files.key)
    assert error.setting == "tls_key"
    assert "passphrase" in error.message


def test_a_key_that_is_none(files: Files) -> None:
    """Nonsense, or far too much of it."""
    files.key.write_bytes(b"nonsense")
    assert "no private key" in refused(files.cert, files.key).message
    files.key.write_bytes(b"x" * (PEM_BYTES + 1))
    assert "larger than" in refused(files.cert, files.key).message


def test_the_end_of_a_certificate_is_told_of_once(tmp_path: Path) -> None:
    """Two weeks ahead, and again for the one that comes after it."""
    files = self_signed_files(tmp_path, days=30.0)
    tls = files.server()
    with capture_logs() as lines:
        for days_left in (20.0, 13.0, 12.0, 1.0):
            tls.warn_in_time(tls.expires - days_left * 86_400.0)
    assert [(line["event"], line["days"]) for line in lines] == [("certificate ends soon", 13.0)]
