"""The last good policy on disk: there again, or passed over with a reason."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ac_bridge.edge.vault import Kept, Vault

KEPT = Kept(3, "a" * 64, hashlib.sha256(b"model").hexdigest(), b"model")
NEWER = Kept(4, "b" * 64, hashlib.sha256(b"another").hexdigest(), b"another")


def test_what_is_kept_is_there_again(tmp_path: Path) -> None:
    """The newest one; nothing before the first."""
    vault = Vault(tmp_path / "policy.kept")
    assert vault.load() == (None, "")
    vault.keep(KEPT)
    vault.keep(NEWER)
    assert Vault(tmp_path / "policy.kept").load() == (NEWER, "")
    assert [file.name for file in tmp_path.iterdir()] == ["policy.kept"]


@pytest.mark.parametrize("at", range(0, 120, 7))
def test_a_damaged_one_is_passed_over(tmp_path: Path, at: int) -> None:
    """With a note that names the file."""
    file = tmp_path / "policy.kept"
    Vault(file).keep(KEPT)
    whole = bytearray(file.read_bytes())
    whole[at % len(whole)] ^= 0x55
    file.write_bytes(whole)
    kept, note = Vault(file).load()
    if kept is None:
        assert "policy.kept" in note
    else:  # the version or the digest of the spec: what a damaged disk may do there is not known
        assert kept.data == KEPT.data


@pytest.mark.parametrize("rubbish", [b"", b"\x93\x01\x02\x03", b"[]", b"\xc1"])
def test_rubbish_is_passed_over(tmp_path: Path, rubbish: bytes) -> None:
    """Whatever it is."""
    file = tmp_path / "policy.kept"
    file.write_bytes(rubbish)
    kept, note = Vault(file).load()
    assert kept is None
    assert "passed over" in note
