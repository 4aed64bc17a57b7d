"""What of an actor's answers cannot be the same twice, each with the reason. Pure.

Everything else is compared byte for byte.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import ormsgpack

from ac_bridge_protocol.codec import CODECS
from ac_bridge_protocol.errors import FrameError, SettingError
from ac_bridge_protocol.experience import pack_batch, to_array, to_bytes, unpack_batch


@dataclasses.dataclass(frozen=True, slots=True)
class Mask:
    """A field whose value is replaced before messages are compared.

    Attributes:
        name: what transcripts call it.
        fields: paths of the fields, with the message's type first; the type alone is all of it.
        reason: why it cannot be the same twice.
        always: whether every transcript has it, named or not.
    """

    name: str
    fields: tuple[str, ...]
    reason: str
    always: bool = False


MASKS = (
    Mask(
        "session",
        ("welcome.session", "hello.session"),
        "The driver's secret is drawn anew for each. It becomes session-1, session-2, ... in the "
        "order of appearance, in both directions, so that it still shows who came back as whom.",
        always=True,
    ),
    Mask(
        "actor",
        ("welcome.actor", "health.software"),
        "Name and version of the software: a transcript outlives the release that wrote it.",
        always=True,
    ),
    Mask(
        "parsers",
        ("failure.message", "refusal.message"),
        "Where the code is malformed: what follows the field's name are the words of the library "
        "that parses (orjson, ormsgpack, pydantic), which may find better ones.",
        always=True,
    ),
    Mask(
        "rounding",
        ("reset_result", "step_result", "telemetry", "records.batch"),
        "Numbers below 1e-12 become 0.0: they are what the rounding of this machine's sine and "
        "cosine leaves of a zero, and another one's leaves something else.",
        always=True,
    ),
    Mask(
        "sentences",
        ("failure.message", "failure.hint", "refusal.message", "refusal.hint", "event.message"),
        "Sentences for people may become better; programs go by codes and kinds. For transcripts "
        "of released versions.",
    ),
    Mask(
        "before",
        ("reset_result.episode", "event.message", "failure.message", "failure.hint"),
        "Addresses of learners, for how many seconds they did something, and how many episodes "
        "there were: of recordings, which begin anywhere in an actor's life.",
    ),
    Mask(
        "rewritten",
        ("welcome",),
        "A recording leaves out the driver's secret, and so writes its welcome anew: with the "
        "fields in the order in which the protocol's models have them.",
    ),
    Mask(
        "times",
        ("step_result.t_sent", "ping.t_sent", "pong.t_ping", "pong.t_received", "pong.t_sent"),
        "The machine's clock, in transcripts of sessions that ran by a real one.",
    ),
)
"""Every mask that there is."""

NOISE = 1e-12
"""What is nearer to zero is zero: the smallest number that a page can mean is a thousand times as
large."""

ACTOR = "ac-bridge"
"""What the actor's software is called in transcripts."""

_HISTORY = re.compile(r"\S+:\d+(?: \(relay\))?|\b\d+(?= s\b)|(?<=Episode )\d+")
"""Addresses, seconds, and numbers of episodes in a sentence."""

_CODEC_OF = {codec.binary: codec for codec in CODECS.values()}

_NAMED = {mask.name: mask for mask in MASKS}


def masks_named(names: Sequence[str]) -> list[Mask]:
    """Return the masks that a transcript names, and those that every one has.

    Raises:
        SettingError: there is none of a name.
    """
    for name in names:
        if name not in _NAMED:
            raise SettingError(
                f"There is no mask {name!r}.", setting="masks", hint=f"Known: {', '.join(_NAMED)}."
            )
    return [mask for mask in MASKS if mask.always or mask.name in names]


class Masking:
    """Masks one playing of a transcript.

    Args:
        names: of the masks beside those that every transcript has.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._masks = masks_named(names)
        self._words: dict[str, str] = {}
        self._secrets: dict[str, str] = {}

    def mask(self, payload: bytes, *, binary: bool) -> bytes:
        """Return what the actor sent, with what cannot be the same twice replaced.

        The rest stays as it is to the byte: a value is replaced by the bytes that its codec writes.
        """
        plain = plain_of(payload, binary=binary)
        kind = plain.get("type") if isinstance(plain, dict) else None
        for mask in self._masks:
            for field in mask.fields:
                about, _, name = field.partition(".")
                if about == kind and plain.get(name) not in (None, ""):
                    old, new = plain[name], self._masked(mask, plain, plain[name])
                    payload = payload.replace(
                        _pair(name, old, binary=binary), _pair(name, new, binary=binary), 1
                    )
                    plain[name] = new
                elif about == kind and not name:
                    payload = self._whole(mask, payload, plain, binary=binary)
        return payload

    def mask_page(self, body: bytes) -> bytes:
        """Return a page that the actor answered a request with, masked likewise."""
        plain = plain_of(body, binary=False)
        if isinstance(plain, dict) and "software" in plain:
            software = plain["software"]
            return body.replace(orjson.dumps(software), orjson.dumps(ACTOR), 1)
        return self.mask(body, binary=False)

    def unmask(self, payload: bytes, *, binary: bool) -> bytes:
        """Return what a learner is to send, with the secrets of this playing."""
        plain = plain_of(payload, binary=binary)
        word = plain.get("session") if isinstance(plain, dict) else None
        if not isinstance(word, str) or word not in self._secrets:
            return payload
        new = self._secrets[word]
        return payload.replace(_packed(word, binary=binary), _packed(new, binary=binary), 1)

    def _whole(self, mask: Mask, payload: bytes, plain: Any, *, binary: bool) -> bytes:
        """Return a message that is masked as a whole."""
        codec = _CODEC_OF[binary]
        if mask.name == "rewritten":
            try:
                return codec.encode(codec.decode(payload, binary=binary))
            except FrameError:  # not a message of this version
                return payload
        written_alike = _packed(plain, binary=binary) == payload
        return _packed(without_noise(plain), binary=binary) if written_alike else payload

    def _masked(self, mask: Mask, plain: dict[str, Any], value: Any) -> Any:
        match mask.name:
            case "session":
                word = self._words.setdefault(value, f"session-{len(self._words) + 1}")
                self._secrets[word] = value
                return word
            case "actor":
                return ACTOR
            case "parsers":
                about, colon, _ = value.partition(": ")
                return f"{about}: ..." if colon and plain.get("code") == "malformed" else value
            case "before":
                return _HISTORY.sub("...", value) if isinstance(value, str) else 0
            case "times":
                return 0.0
            case "rounding":
                return batch_without_noise(value)
            case _:
                return "..."


def plain_of(payload: bytes, *, binary: bool) -> Any:
    """Return a message as plain data; None if it is none."""
    try:
        return ormsgpack.unpackb(payload) if binary else orjson.loads(payload)
    except ValueError:
        return None


def without_noise(value: Any) -> Any:
    """Return plain data with every number that is nothing but rounding replaced by 0.0."""
    if isinstance(value, dict):
        return {name: without_noise(one) for name, one in value.items()}
    if isinstance(value, list):
        return [without_noise(one) for one in value]
    if isinstance(value, bytes):  # of a record: numbers, of single precision
        numbers = to_array(value)
        return to_bytes(np.where(np.abs(numbers) < NOISE, np.float32(0.0), numbers))
    return 0.0 if isinstance(value, float) and abs(value) < NOISE else value


def batch_without_noise(text: str) -> str:
    """Return a batch of records likewise; as it is, if it is none."""
    try:
        records = [without_noise(ormsgpack.unpackb(data)) for data in unpack_batch(text)]
    except (FrameError, ValueError):
        return text
    return pack_batch([ormsgpack.packb(record) for record in records])


def _packed(value: Any, *, binary: bool) -> bytes:
    return ormsgpack.packb(value) if binary else orjson.dumps(value)


def _pair(name: str, value: Any, *, binary: bool) -> bytes:
    """Return a field and its value as they stand in a message."""
    between = b"" if binary else b":"
    return _packed(name, binary=binary) + between + _packed(value, binary=binary)
