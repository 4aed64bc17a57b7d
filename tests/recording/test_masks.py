"""Secrets never get into a recording, however a peer writes them."""

from __future__ import annotations

import json

import pytest

from ac_bridge_protocol.codec import JSON, MSGPACK, Codec
from ac_bridge_protocol.messages import Hello, Message, Ping, Reset, Role, Telemetry
from ac_bridge_recording.masks import Masks
from helpers.frames import make_frame
from helpers.wire import make_welcome

SECRET = "s3cr3t-of-a-session"  # noqa: S105 -- nobody's
CODECS = [JSON, MSGPACK]


def hello(head: bytes) -> bytes:
    """Return a hello in MessagePack whose secret's name begins with this head."""
    fields = b"\xa4type\xa5hello\xa6client\xa1c" + head + b"session"
    return b"\x83" + fields + bytes([0xA0 + len(SECRET)]) + SECRET.encode()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "message",
    [
        Hello(client="c/1", session=SECRET),
        make_welcome().model_copy(update={"session": SECRET}),
        Reset(id=3, takeover=SECRET),
    ],
)
def test_a_secret_becomes_a_word(codec: Codec, message: Message) -> None:
    """The message stays what it was in everything else."""
    payload, masked = Masks().mask(codec.encode(message), codec)
    assert masked
    assert SECRET.encode() not in payload
    read = codec.decode(payload, binary=codec.binary)
    name = "takeover" if isinstance(message, Reset) else "session"
    word = "key-1" if isinstance(message, Reset) else "session-1"
    assert read == message.model_copy(update={name: word})


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "message",
    [
        Hello(client="c/1"),
        make_welcome(Role.SPECTATOR),
        Reset(id=3, seed=5),
        Ping(id=1, t_sent=2.0),
        Telemetry(frame=make_frame(), dropped=0),
    ],
)
def test_what_has_no_secret_stays_as_it_is(codec: Codec, message: Message) -> None:
    """Byte for byte, and nobody says that it was masked."""
    payload = codec.encode(message)
    assert Masks().mask(payload, codec) == (payload, False)


def test_the_same_secret_is_the_same_word() -> None:
    """So that a recording shows who came back as whom, over both codecs and ways."""
    masks = Masks()

    def word(codec: Codec, message: Message) -> str:
        payload, _ = masks.mask(codec.encode(message), codec)
        said = codec.decode(payload, binary=codec.binary)
        return str(getattr(said, "session", "") or getattr(said, "takeover", ""))

    assert word(MSGPACK, make_welcome().model_copy(update={"session": "a"})) == "session-1"
    assert word(JSON, Hello(client="c", session="b")) == "session-2"
    assert word(JSON, Hello(client="c", session="a")) == "session-1"
    assert word(JSON, Reset(id=1, takeover="a2")) == "key-1"
    assert word(MSGPACK, Reset(id=2, takeover="b2")) == "key-2"


@pytest.mark.parametrize(
    "payload",
    [
        b'{"type":"hello","client":"c","session":"s3cr3t-of-a-session","unknown":1}',
        b'{"type":"hello","session" : "s3cr3t-of-a-session"',
        b'{"session":"s3cr3t-of-a-session"}',
        b'{"type":"hello","client":"c","sess\\u0069on":"s3cr3t-of-a-session","x":1}',
        b'{"type":"reset","id":1,"takeover_key":"s3cr3t-of-a-session"}',
        b'{"type":"hello","client":"c","session_id":"s3cr3t-of-a-session"}',
        b"{'type': 'hello', 'session': 's3cr3t-of-a-session'}",
        b'{"type":"hello","client":"c","token":"s3cr3t-of-a-session"}',
    ],
)
def test_what_cannot_be_read_is_left_out(payload: bytes) -> None:
    """Whole, as nobody knows where in it the secret is."""
    assert Masks().mask(payload, JSON) == (b"", True)


def test_names_in_other_spellings() -> None:
    """A peer may write a letter as a number in JSON, or a name's length in more bytes."""
    escaped = b'{"type":"hello","client":"c","sess\\u0069on":"s3cr3t-of-a-session"}'
    payload, masked = Masks().mask(escaped, JSON)
    assert masked
    assert json.loads(payload)["session"] == "session-1"
    for head in (b"\xa7", b"\xd9\x07", b"\xda\x00\x07", b"\xdb\x00\x00\x00\x07"):
        payload, masked = Masks().mask(hello(head), MSGPACK)
        assert masked
        assert SECRET.encode() not in payload


def test_the_wrong_kind_of_message() -> None:
    """Text on a MessagePack connection is refused there, and its secret left out here."""
    payload = JSON.encode(Hello(client="c/1", session=SECRET))
    assert Masks().mask(payload, MSGPACK) == (b"", True)


def test_what_follows_a_message() -> None:
    """Nobody reads it, and it may be another message, with a secret."""
    ping = Ping(id=1, t_sent=2.0)
    both = MSGPACK.encode(ping) + MSGPACK.encode(Hello(client="c/1", session=SECRET))
    assert Masks().mask(both, MSGPACK) == (MSGPACK.encode(ping), True)


def test_frames_are_not_looked_at_twice() -> None:
    """An actor's frame names a kind of session, which is no reason to read it as a message."""
    frame = JSON.encode(Telemetry(frame=make_frame(), dropped=0))[:-1]  # no message at all
    assert b"session" in frame
    assert Masks().mask(frame, JSON, of_learner=False) == (frame, False)
    assert Masks().mask(frame, JSON) == (b"", True)
