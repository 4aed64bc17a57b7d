"""The last good policy, on disk, so that it survives a restart of the actor."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

import ormsgpack

from ac_bridge_protocol.limits import POLICY_BYTES

MARK = "ac-bridge policy 1"
_EMPTY, _BINARY = b"\xc4\x00", b"\xc6"
"""Of MessagePack: bytes of none, and what begins bytes whose length follows in four."""


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """A policy that has acted.

    Attributes:
        version: its number.
        spec: digest of the spec that it was made for.
        sha256: of the data, checked when it came.
        data: of its ONNX model.
    """

    version: int
    spec: str
    sha256: str
    data: bytes | bytearray


class Vault:
    """One file with one policy in it. A kill at any moment leaves the old one or the new one.

    Args:
        file: where.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def keep(self, kept: Kept) -> None:
        """Keep a policy in place of the one before.

        Raises:
            OSError: it cannot be written; the one before is there still.
        """
        head = ormsgpack.packb([MARK, kept.version, kept.spec, kept.sha256, b""])
        # MessagePack's own, for an array whose last is the data; packing all of it would hold up
        # everything else in this process.
        head = head.removesuffix(_EMPTY) + _BINARY + len(kept.data).to_bytes(4, "big")
        new = self._file.with_name(f"{self._file.name}.new")
        with new.open("wb") as file:
            file.write(head)
            file.write(kept.data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)

    def load(self) -> tuple[Kept | None, str]:
        """Return the policy, and a note: why there is none though there is a file."""
        try:
            if self._file.stat().st_size > POLICY_BYTES + 1000:
                return None, f"{self._file} is larger than any policy: it is passed over."
            found = ormsgpack.unpackb(self._file.read_bytes())
        except FileNotFoundError:
            return None, ""
        except (OSError, ValueError) as error:
            return None, f"The policy in {self._file} cannot be read: {error}. It is passed over."
        match found:
            case [str(mark), int(version), str(spec), str(digest), bytes(data)] if (
                mark == MARK and hashlib.sha256(data).hexdigest() == digest
            ):
                return Kept(version, spec, digest, data), ""
        return None, f"{self._file} holds no policy, or a damaged one: it is passed over."
