"""What a learner shows (its token) and whom it believes (certificates)."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import Self

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.trust import Trust

TOKEN = "AC_BRIDGE_TOKEN"  # noqa: S105 -- the name of a variable
TOKEN_FILE = "AC_BRIDGE_LEARNER_TOKEN_FILE"  # noqa: S105
CA_FILE = "AC_BRIDGE_CA_FILE"
FINGERPRINT = "AC_BRIDGE_FINGERPRINT"

TOKEN_CHARACTERS = 512
"""Longest token: what a header's line holds everywhere."""

TOKEN_FILE_BYTES = 64 * 1024
"""Largest file that a token is looked for in."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@dataclasses.dataclass(frozen=True, slots=True)
class Access:
    """What opens an actor.

    Attributes:
        token: shown to it; empty for none. No log and no error repeats it.
        trust: who is believed to be it, over TLS.

    Raises:
        SettingError: what cannot be a token.
    """

    token: str = dataclasses.field(default="", repr=False)
    trust: Trust = dataclasses.field(default_factory=Trust)

    def __post_init__(self) -> None:
        if self.token and not _can_be(self.token):
            raise _no_token("The token", "token")

    @classmethod
    def gather(
        cls,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        fingerprint: str | None = None,
    ) -> Self:
        """Gather it from what was said, and for what was not from the environment.

        Args:
            token: itself; empty for none. Else `AC_BRIDGE_TOKEN`.
            token_file: a file with one token in it. Else `AC_BRIDGE_LEARNER_TOKEN_FILE`.
            ca_file: certificates to believe instead of the system's. Else `AC_BRIDGE_CA_FILE`.
            fingerprint: of the only one to believe. Else `AC_BRIDGE_FINGERPRINT`.

        Raises:
            SettingError: what cannot be used, and why.
        """
        if token and token_file:
            raise SettingError(
                "A token and a file with one were given, and only one of them can be shown.",
                setting="token_file",
                hint="Leave one of them out.",
            )
        if token is None and token_file is None:
            token, token_file = os.environ.get(TOKEN), os.environ.get(TOKEN_FILE)
        if ca_file is None and fingerprint is None:
            ca_file, fingerprint = os.environ.get(CA_FILE), os.environ.get(FINGERPRINT)
        token = token.strip() if token else token  # copied with a line break, more often than not
        if not token and token_file:
            token = read_token(Path(token_file))
        return cls(token or "", Trust(os.fspath(ca_file or ""), fingerprint or ""))


NOBODY = Access()
"""Nothing to show, and the system's authorities to believe: for an actor that lets everybody in."""


def read_token(path: Path) -> str:
    """Return the one token in a file: alone in it, or after the word for what it opens.

    Raises:
        SettingError: there is none, or more than one. Repeats nothing of what is in there.
    """
    lines = [line.partition("#")[0].split() for line in _text_of(path).splitlines()]
    said = [words for words in lines if words]
    if len(said) > 1:
        raise SettingError(
            f"The token file {path} holds {len(said)} tokens.",
            setting="token_file",
            hint="A learner shows one: put its own into a file by itself.",
        )
    if not said or len(said[0]) > 2 or not _can_be(said[0][-1]):
        raise _no_token(f"What the token file {path} holds", "token_file")
    return said[0][-1]


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(TOKEN_FILE_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise SettingError(
            f"The token file {path} cannot be read: {error.strerror or error}.",
            setting="token_file",
            hint="Check its path, and that you may read it.",
        ) from error
    except UnicodeDecodeError:
        raise SettingError(
            f"The token file {path} is not UTF-8 text.",
            setting="token_file",
            hint="Save it as UTF-8; '>' in an old PowerShell writes something else.",
        ) from None


def _can_be(token: str) -> bool:
    return len(token) <= TOKEN_CHARACTERS and _TOKEN.fullmatch(token) is not None


def _no_token(what: str, setting: str) -> SettingError:
    return SettingError(
        f"{what} cannot be a token.",
        setting=setting,
        hint="A token is one word of letters, digits, '-' and '_', as ac-bridge token new prints "
        "it: is there a space or a line break at its end? Else ask the owner of the actor for one.",
    )
