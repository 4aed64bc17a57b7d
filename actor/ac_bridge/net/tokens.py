"""Tokens: who may do what. Pure.

A token is a secret that opens one thing. Nothing here keeps one: a book holds SHA-256 digests, so
that a book that is logged, or sent to a relay, opens nothing.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import hmac
import re
import secrets

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.relay import NAME

TOKEN_CHARACTERS = 32
"""Least length of a token. What `new_token` makes has 43 characters and 256 bits; 32 random ones of
hexadecimal still have 128, which nobody guesses."""

TOKEN_MOST_CHARACTERS = 512
"""Longest token: those of other programs that hand them out fit, and a header's line stays short.
"""

TOKEN_BYTES = 32
"""Random bytes of a new token: as many as its digest has."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_NAME = re.compile(NAME)


class Grant(enum.StrEnum):
    """What a token opens."""

    DRIVER = "driver"
    """An actor: drive its car, and watch."""
    SPECTATOR = "spectator"
    """An actor: watch."""
    PARK = "park"
    """A relay: an actor may wait there for its learners; under one name alone, if one is given."""
    LIST = "list"
    """A relay: list the actors that wait there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a token.

    Attributes:
        grant: what it opens.
        digest: its SHA-256, as 64 hexadecimal digits.
        name: the only one that it may park under; empty if it may under any.
    """

    grant: Grant
    digest: str
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class TokenBook:
    """All tokens that open something here. Two books add up.

    Several tokens may open the same: so a new one is added, learners move to it, and the old one is
    taken out, without anybody being locked out in between.
    """

    entries: tuple[Entry, ...] = ()

    @classmethod
    def parse(cls, text: str, source: str) -> TokenBook:
        """Read lines of ``GRANT[:NAME] TOKEN``; ``#`` begins a comment.

        Args:
            text: the lines.
            source: where they came from, for errors. No error repeats a token.

        Raises:
            SettingError: names the line.
        """
        entries = []
        for number, line in enumerate(text.splitlines(), start=1):
            said = line.partition("#")[0].split()
            if said:
                entries.append(_read(said, f"Line {number} of {source}"))
        return cls(tuple(entries))

    @classmethod
    def of(cls, **tokens: str) -> TokenBook:
        """Return the book of single tokens: ``of(driver=..., park=...)``.

        Raises:
            SettingError: one that cannot be a token; an empty one never can.
        """
        return cls(
            tuple(
                Entry(Grant(name), _checked(token, f"{name}_token", f"The {name} token"))
                for name, token in tokens.items()
            )
        )

    def __add__(self, other: TokenBook) -> TokenBook:
        return TokenBook(tuple(dict.fromkeys(self.entries + other.entries)))

    def __bool__(self) -> bool:
        return bool(self.entries)

    def grants(self, token: str) -> frozenset[Grant]:
        """Return what a token opens, in a time that does not depend on how much of it is right."""
        return self.grants_of_digest(digest_of(token))

    def grants_of_digest(self, digest: str) -> frozenset[Grant]:
        """Return what the token with this digest opens."""
        found = {entry.grant for entry in self._matching(digest)}
        if Grant.DRIVER in found:
            found.add(Grant.SPECTATOR)
        return frozenset(found)

    def may_park(self, token: str, name: str) -> bool:
        """Whether an actor that shows this token may wait for learners under this name."""
        matching = self._matching(digest_of(token))
        return any(one.grant is Grant.PARK and one.name in ("", name) for one in matching)

    def digests(self, grant: Grant) -> tuple[str, ...]:
        """Return the digests of the tokens that were given for this grant, in order."""
        return tuple(dict.fromkeys(one.digest for one in self.entries if one.grant is grant))

    def _matching(self, digest: str) -> list[Entry]:
        """Return the entries of a token; every one is looked at, whatever was found before."""
        shown = digest.encode(errors="replace")
        return [one for one in self.entries if hmac.compare_digest(one.digest.encode(), shown)]


def new_token() -> str:
    """Return a token that nobody has seen before."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token, as 64 hexadecimal digits."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def bearer(header: str | None) -> str:
    """Return the token in an ``Authorization`` header; empty if there is none that could be one."""
    scheme, _, token = (header or "").strip().partition(" ")
    token = token.strip()
    well_formed = len(token) <= TOKEN_MOST_CHARACTERS and _TOKEN.fullmatch(token)
    return token if scheme.lower() == "bearer" and well_formed else ""


def check_park_name(name: str, where: str) -> str:
    """Return the name that a park token is bound to.

    Raises:
        SettingError: no actor can have that name.
    """
    if not _NAME.fullmatch(name):
        raise SettingError(
            f"{where}: no actor can be called that.",
            setting="token_file",
            hint="A name has 1 to 63 letters, digits, '_', '.' or '-', and begins with a letter or "
            "digit.",
        )
    return name


def _read(said: list[str], where: str) -> Entry:
    """Return the entry that a line stands for. What it says may be a secret: never repeat it."""
    word, _, name = said[0].partition(":")
    if len(said) != 2 or word not in set(Grant):
        raise SettingError(
            f"{where} is not GRANT TOKEN.",
            setting="token_file",
            hint=f"Write a line such as 'driver TOKEN'; grants are {', '.join(Grant)}. "
            "ac-bridge token new --file writes one.",
        )
    grant = Grant(word)
    if ":" in said[0]:
        if grant is not Grant.PARK:
            raise SettingError(
                f"{where} gives a name to a {grant} token.",
                setting="token_file",
                hint="Only park tokens may be bound to a name: park:NAME TOKEN.",
            )
        check_park_name(name, where)
    return Entry(grant, _checked(said[1], "token_file", f"{where}: the token"), name)


def _checked(token: str, setting: str, what: str) -> str:
    """Return the digest of what can be a token."""
    if not TOKEN_CHARACTERS <= len(token) <= TOKEN_MOST_CHARACTERS:
        raise SettingError(
            f"{what} has {len(token)} characters, and must have {TOKEN_CHARACTERS} to "
            f"{TOKEN_MOST_CHARACTERS}.",
            setting=setting,
            hint="Make one with ac-bridge token new.",
        )
    if not _TOKEN.fullmatch(token):
        raise SettingError(
            f"{what} has characters that do not fit into a header.",
            setting=setting,
            hint="Make one with ac-bridge token new; it has letters, digits, '-' and '_'.",
        )
    return digest_of(token)
