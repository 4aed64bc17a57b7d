"""Bytes that nobody should send: requests, WebSocket frames and messages. All from a seed."""

from __future__ import annotations

import base64
import random
import zlib
from typing import Any

import orjson
import ormsgpack

from ac_bridge_protocol.codec import CODECS, JSON, Codec
from ac_bridge_protocol.messages import Hello, Role

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NEWLINE = "\r\n"


def request(
    rng: random.Random, codec: Codec, *more: str, token: str = "", path: str = "/"
) -> bytes:
    """Return a handshake as a client of ours sends it, with more headers, and perhaps a token."""
    key = base64.b64encode(rng.randbytes(16)).decode()
    lines = [f"GET {path} HTTP/1.1", "Host: actor", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
    lines += [f"Sec-WebSocket-Protocol: {codec.subprotocol}", *more]
    lines += [f"Authorization: Bearer {token}"] if token else []
    return NEWLINE.join([*lines, "", ""]).encode("latin-1")


def wrong_request(rng: random.Random, codec: Codec, token: str) -> bytes:
    """Return a request that is HTTP, or nearly, and cannot open a WebSocket of ours."""
    good = request(rng, codec, token=token)
    lines = good.split(b"\r\n")
    return rng.choice(
        [
            good.replace(b"GET / ", b"POST / ", 1),
            good.replace(b"HTTP/1.1", b"HTTP/1.0", 1),
            good.replace(b"HTTP/1.1", b"HTTP/3", 1),
            good.replace(b"websocket", b"h2c", 1),
            good.replace(b"Version: 13", b"Version: 8", 1),
            good.replace(b"ac-bridge.v1", b"ac-bridge.v9", 1),
            good.replace(b"GET / ", b"GET /" + b"a" * rng.randrange(1, 3000) + b" ", 1),
            good.replace(b"GET / ", b"GET /../../etc/passwd ", 1),
            good.replace(b"GET / ", b"GET http://elsewhere/ ", 1),
            good.replace(b"Sec-WebSocket-Key", b"Sec-WebSocket-Kex", 1),
            good.replace(b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Key: x", 1),
            good.replace(b"-Protocol: ", b"-Protocol: a b;" + b"\xe9," * rng.randrange(1500), 1),
            good.replace(b"\r\n\r\n", b"\r\nOrigin: a\r\nOrigin: b\r\n\r\n", 1),
            good.replace(b"\r\n\r\n", b"\r\nContent-Length: 999999\r\n\r\n", 1),
            good.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", 1),
            good.replace(b"\r\n\r\n", b"\r\nno colon\r\n\r\n", 1),
            good.replace(b"\r\n\r\n", b"\r\n folded\r\n\r\n", 1),
            good + b"GET / HTTP/1.1\r\n\r\n",
            b"\r\n".join(rng.sample(lines[1:-2], 3)) + b"\r\n\r\n",
            b"OPTIONS * HTTP/1.1\r\n\r\n",
        ]
    )


def huge_request(rng: random.Random, codec: Codec) -> bytes:
    """Return a request whose head has no measure."""
    much = rng.randrange(9000, 60_000)
    return rng.choice(
        [
            request(rng, codec, "X: " + "a" * much),
            request(rng, codec, *[f"X-{n}: {n}" for n in range(rng.randrange(200, 2000))]),
            request(rng, codec, path="/" + "a" * much),
            b"GET / HTTP/1.1\r\nX: " + rng.randbytes(much).replace(b"\n", b""),
        ]
    )


def frame(
    payload: bytes,
    opcode: int = BINARY,
    *,
    final: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"\1\2\3\4",
    length: int | None = None,
) -> bytes:
    """Return a frame, right or wrong: ``length`` may lie, and without a mask it stays bare."""
    size = len(payload) if length is None else length
    bit = 0 if mask is None else 0x80
    head = bytes((final << 7 | reserved << 4 | opcode,))
    if size < 126 and length is None:
        head += bytes((bit | size,))
    elif size < 1 << 16 and length is None:
        head += bytes((bit | 126,)) + size.to_bytes(2)
    else:
        head += bytes((bit | 127,)) + size.to_bytes(8)
    if mask is None:
        return head + payload
    long = (mask * (len(payload) // 4 + 1))[: len(payload)]
    masked = (int.from_bytes(payload) ^ int.from_bytes(long)).to_bytes(len(payload))
    return head + mask + masked


def say(codec: Codec, message: Any) -> bytes:
    """Return the frame that carries a message, or anything that the codec's library can write."""
    return carry(codec, plainly(codec, message))


def plainly(codec: Codec, message: Any) -> bytes:
    """Return anything in a codec's encoding."""
    if codec is JSON:
        return orjson.dumps(message)
    return ormsgpack.packb(message, option=ormsgpack.OPT_NON_STR_KEYS)


def carry(codec: Codec, payload: bytes) -> bytes:
    """Return the frame of the codec's kind that carries bytes."""
    return frame(payload, BINARY if codec.binary else TEXT)


def any_codec(rng: random.Random) -> Codec:
    """Return one of the codecs."""
    return rng.choice(list(CODECS.values()))


def hello(codec: Codec, role: Role = Role.SPECTATOR) -> bytes:
    """Return the frame with which a client that means well begins."""
    return carry(codec, codec.encode(Hello(client="abuse", role=role)))


def out_of_order(rng: random.Random) -> dict[str, Any]:
    """Return a message that is right in itself, and that a spectator may not send."""
    number = rng.randrange(1, 1 << 20)
    return rng.choice(
        [
            {"type": "reset", "id": number},
            {"type": "reset", "id": number, "takeover": "k" * rng.randrange(1, 200)},
            {"type": "step", "id": number, "action": [0.0, 1.0, 0.0]},
            {"type": "step", "id": number, "action": [1.0] * 16, "plan": [[1.0] * 16] * 64},
            {"type": "release"},
            {"type": "hello", "client": "again"},
            {"type": "hello", "client": "again", "role": "driver", "session": "x" * 43},
            {"type": "refusal", "code": "busy", "message": "Go away."},
            {"type": "failure", "id": number, "code": "game", "message": "It vanished."},
            {"type": "event", "kind": "shutting_down", "message": "Good night."},
            {"type": "reset_progress", "id": number, "phase": "starting", "attempt": 1},
        ]
    )


def malformed(rng: random.Random, codec: Codec) -> bytes:
    """Return a payload that is no message."""
    good = {"type": "ping", "id": 1, "t_sent": 1.5}
    data = plainly(codec, good)
    at = rng.randrange(len(data))
    return rng.choice(
        [
            b"",
            data[:at],
            data[:at] + rng.randbytes(3) + data[at:],
            rng.randbytes(rng.randrange(1, 300)),
            plainly(codec, good | {"id": rng.choice([-1, 1 << 60, "1", None, True, [[]]])}),
            plainly(codec, good | {f"x{n}": n for n in range(rng.randrange(1, 60))}),
            plainly(codec, {"type": rng.randbytes(8).hex(), "id": 3}),
            plainly(codec, {"type": [["ping"]]}),
            plainly(codec, [good] * rng.randrange(1, 9)),
            plainly(codec, {"type": "step", "id": 1, "action": ["a"] * rng.randrange(1, 3000)}),
        ]
    )


def nested(rng: random.Random, codec: Codec) -> bytes:
    """Return a payload that is deeper than anything has to be."""
    depth = rng.choice([50, 900, 1023, 1024, 1025, 5000, 18_000])
    if codec is JSON:
        opening, closing = rng.choice([(b"[", b"]"), (b'{"type":', b"}")])
        return opening * depth + rng.choice([b"", b"1" + closing * depth])
    return rng.choice([b"\x91", b"\x81\xa4type", b"\x81\x80", b"\xdd\xff\xff\xff\xff"]) * depth


def extension(rng: random.Random) -> bytes:
    """Return MessagePack with a type of somebody's own, or that promises more than there is."""
    wild = [b"\xd4", b"\xd5", b"\xd6", b"\xd7", b"\xd8", b"\xc7\x0c", b"\xc8\xff\xff", b"\xc9"]
    wild += [b"\xdb\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xc1"]
    head = rng.choice([b"", b"\x83\xa4type\xa4ping\xa2id\x01\xa6t_sent"])
    return head + rng.choice(wild) + rng.randbytes(rng.randrange(20))


def too_large(rng: random.Random, codec: Codec) -> bytes:
    """Return a payload beyond what a message may have, well-formed or not."""
    size = rng.choice([2000, 41_000, 66_000, 120_000])
    plain = {"type": "ping", "id": 1, "t_sent": 1.5, "x": "x" * size}
    return rng.choice([plainly(codec, plain), b" " * 66_000, b"\xc0" * 66_000])


def not_utf8(rng: random.Random) -> bytes:
    """Return a message in JSON with a text that is none."""
    wrong = rng.choice([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"])
    return b'{"type":"hello","client":"' + wrong * rng.randrange(1, 50) + b'"}'


def bomb(rng: random.Random) -> bytes:
    """Return a frame that says it is compressed, and would be a million times as much."""
    packed = zlib.compress(b"\0" * (1 << 20), 9)[2:-4]
    return frame(packed, rng.choice([TEXT, BINARY]), reserved=4)
