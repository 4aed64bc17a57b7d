"""The file of tokens: read, watched, and added to. A thin shell.

A file that is being written, or was broken by hand, must neither lock everybody out nor let
everybody in: what was good before stays good until the file can be read again.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import structlog

from ac_bridge.net.tokens import Grant, TokenBook
from ac_bridge_protocol.errors import SettingError

log = structlog.get_logger()

FILE_BYTES = 256 * 1024
"""Largest file of tokens: some thousand lines. It is read about once a second."""

OWNER_ONLY = stat.S_IRUSR | stat.S_IWUSR
"""The mode of a file that holds secrets, where the system has modes."""

_HEAD = "# Tokens of ac-bridge: GRANT[:NAME] TOKEN. Keep this file to yourself.\n"


class TokenKeeper:
    """Keeps the tokens of a file up to date.

    Args:
        path: the file; None for none.
        fixed: tokens from elsewhere, which stay.

    Attributes:
        book: all tokens that are good now.

    Raises:
        SettingError: the file cannot be read, is broken, or holds no token at all.
    """

    def __init__(self, path: Path | None, fixed: TokenBook = TokenBook()) -> None:  # noqa: B008
        self.book = fixed
        self._path = path
        self._fixed = fixed
        self._text = ""
        self._problem = ""
        if path is not None:
            self._text = read_tokens(path)
            self.book = _book(self._text, path) + fixed
            self._warn_if_open(path)

    def refresh(self) -> bool:
        """Look at the file again; return whether other tokens are good now. Never raises."""
        if self._path is None:
            return False
        try:
            text = read_tokens(self._path)
            if text == self._text and not self._problem:
                return False
            book = _book(text, self._path) + self._fixed
        except SettingError as error:
            if error.message != self._problem:
                log.warning(
                    "token file not taken", reason=str(error), hint="The old ones stay good."
                )
            self._problem = error.message
            return False
        changed = set(book.entries) != set(self.book.entries)
        if changed or self._problem:
            log.info("token file taken", path=str(self._path), tokens=len(book.entries))
        self._text, self._problem, self.book = text, "", book
        return changed

    def _warn_if_open(self, path: Path) -> None:
        if os.name == "posix" and path.stat().st_mode & (
            stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
        ):
            log.warning(
                "token file is not yours alone", path=str(path), hint=f"Run: chmod 600 {path}"
            )


def read_tokens(path: Path) -> str:
    """Return the text of a file of tokens.

    Raises:
        SettingError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise SettingError(
            f"The token file {path} cannot be read: {error.strerror or error}.",
            setting="token_file",
            hint="Check its path, or make one with ac-bridge token new --file.",
        ) from error
    if len(data) > FILE_BYTES:
        raise SettingError(
            f"The token file {path} is larger than {FILE_BYTES // 1024} kB.",
            setting="token_file",
            hint="Is it the right file? It has one line for each token.",
        )
    try:
        return data.decode("utf-8-sig")  # editors on Windows begin a file with a mark
    except UnicodeDecodeError:
        raise SettingError(
            f"The token file {path} is not UTF-8 text.",
            setting="token_file",
            hint="Save it as UTF-8; '>' in an old PowerShell writes something else.",
        ) from None


def add_token(path: Path, token: str, grant: Grant, name: str = "") -> None:
    """Add a token to a file, which is made for its owner alone if it is not there.

    Raises:
        SettingError: the file is not one of tokens, or cannot be written.
    """
    old = ""
    if path.exists():
        old = read_tokens(path)
        TokenBook.parse(old, str(path))
    text = "" if old.endswith("\n") else "\n" if old else _HEAD
    text += f"{grant}{f':{name}' if name else ''} {token}\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, OWNER_ONLY)
        with open(descriptor, "ab") as file:  # noqa: PTH123 -- a descriptor, not a path
            file.write(text.encode())
    except OSError as error:
        raise SettingError(
            f"The token file {path} cannot be written: {error.strerror or error}.",
            setting="token_file",
            hint="Check that its folder exists and that you may write there.",
        ) from error


def _book(text: str, path: Path) -> TokenBook:
    """Return the tokens of a file; none at all is a mistake, and must not open every door."""
    book = TokenBook.parse(text, str(path))
    if not book:
        raise SettingError(
            f"The token file {path} holds no token.",
            setting="token_file",
            hint=f"Add one: ac-bridge token new --file {path}",
        )
    return book
