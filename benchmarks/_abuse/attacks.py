"""Every kind of attack: what it sends, and which answers to it are the right ones.

An attack says what was answered, once for each hostile thing that it sent: a request, a frame, a
message, a silence. Whatever is not among its right answers is a promise that was not kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
from collections.abc import Awaitable, Callable

from _abuse import hostile
from _abuse.hostile import BINARY, CONTINUATION, PING, TEXT, carry, frame, say
from _abuse.peer import SILENCE, Peer
from ac_bridge_protocol.codec import CODECS, MSGPACK
from ac_bridge_protocol.messages import Role

NOBODY = "hung up on"
"""The attacker left before there could be an answer."""
GONE = frozenset({"closed", "reset"})
"""The connection has ended. What was said before may be lost with bytes that nobody read."""
ROOM = frozenset({"HTTP 503 full", "HTTP 429 too_many"}) | GONE
"""Nothing was heard at all: there are too many already, here or of that address."""
BROKEN = frozenset({"close 1002", "close 1007", "close 1009"})
"""WebSocket's own rules: protocol error, not UTF-8, too big."""
ENOUGH = frozenset({"failure too_many", "refusal too_many", "close 1008"})
"""More than one client may send in that time."""
FRAMES_AT_ONCE = 150
MESSAGES_AT_ONCE = 25
CROWD = 40
LATER_S = 1.0


@dataclasses.dataclass
class Attacker:
    """Who attacks.

    Attributes:
        to: address and port of the actor.
        rng: draws everything.
        token: that lets a spectator in; empty if none is asked for.
        sources: addresses to come from: strangers have others than those with a token.
    """

    to: tuple[str, int]
    rng: random.Random
    token: str

    def stranger(self) -> Peer:
        """Return a new connection of somebody who has no token."""
        return Peer(self.to, f"127.0.{self.rng.randrange(100, 200)}.{self.rng.randrange(1, 255)}")

    def insider(self, *, receive_bytes: int | None = None) -> Peer:
        """Return a new connection of somebody who has one."""
        source = f"127.0.{self.rng.randrange(1, 9)}.{self.rng.randrange(1, 255)}"
        return Peer(self.to, source, receive_bytes=receive_bytes)


Answers = list[str]
Run = Callable[[Attacker], Awaitable[Answers]]


# --- Before a request is there --------------------------------------------------------------------


async def half_request(by: Attacker) -> Answers:
    """Part of a request, and away."""
    data = hostile.request(by.rng, MSGPACK, token=by.token)
    with by.stranger() as peer:
        await peer.connect()
        await peer.send(data[: by.rng.randrange(len(data))])
        return [NOBODY]


async def slow_request(by: Attacker) -> Answers:
    """A request that comes one byte at a time, for longer than anybody should wait."""
    data = hostile.request(by.rng, MSGPACK, *["X: " + "y" * 200] * 9)
    with by.stranger() as peer:
        if wrong := await peer.connect():
            return [wrong]
        for byte in data:
            await peer.send(bytes((byte,)))
            if (said := await peer.answer(0.1)) != SILENCE:
                return [said]
        return [await peer.answer()]


async def no_request(by: Attacker) -> Answers:
    """A connection that never says anything."""
    with by.stranger() as peer:
        return [await peer.connect() or await peer.answer()]


async def garbage(by: Attacker) -> Answers:
    """Random bytes instead of HTTP."""
    data = by.rng.randbytes(by.rng.randrange(1, 2000))
    tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    return [await _knock(by, by.rng.choice([data, tls + data, b"\0" * 99]) + b"\r\n\r\n" + data)]


async def huge_request(by: Attacker) -> Answers:
    """A head of kilobytes, or of thousands of lines."""
    return [await _knock(by, hostile.huge_request(by.rng, hostile.any_codec(by.rng)))]


async def wrong_request(by: Attacker) -> Answers:
    """HTTP, but not what opens a WebSocket of ours."""
    return [await _knock(by, hostile.wrong_request(by.rng, hostile.any_codec(by.rng), by.token))]


async def wrong_origin(by: Attacker) -> Answers:
    """A web page of somebody else's."""
    page = by.rng.choice(["http://evil.example", "null", "https://actor.evil.example", "file://"])
    data = hostile.request(by.rng, MSGPACK, f"Origin: {page}", token=by.token)
    return [await _knock(by, data)]


async def no_token(by: Attacker) -> Answers:
    """Nobody's token, or none."""
    wrong = by.rng.choice(["", "x" * 43, by.token[:-1], by.token + "a", "y" * 4000])
    return [await _knock(by, hostile.request(by.rng, MSGPACK, token=wrong))]


async def _knock(by: Attacker, data: bytes) -> str:
    with by.stranger() as peer:
        return await peer.connect() or await peer.ask(data)


async def crowd(by: Attacker) -> Answers:
    """Many connections at once; half of them ask for something."""
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(by.stranger()) for _ in range(CROWD)]
        for peer in peers:
            await peer.connect()
        asking = peers[: CROWD // 2]
        for peer in asking:
            await peer.send(hostile.request(by.rng, MSGPACK, token="z" * 43))
        said = [await peer.answer() for peer in asking]
        return said + [NOBODY] * (CROWD - len(asking))


# --- Before the welcome ---------------------------------------------------------------------------


async def no_hello(by: Attacker) -> Answers:
    """Opened, and then silent."""
    with by.insider() as peer:
        wrong = await peer.open(by.rng, MSGPACK, token=by.token, welcome=False)
        return [wrong or await peer.answer()]


async def not_hello(by: Attacker) -> Answers:
    """Something else first."""
    codec = hostile.any_codec(by.rng)
    return [await _first(by, say(codec, hostile.out_of_order(by.rng)), codec.subprotocol)]


async def bad_hello(by: Attacker) -> Answers:
    """Bytes that are no message first, or one that is far too large."""
    codec = hostile.any_codec(by.rng)
    makers = (hostile.malformed, hostile.nested, hostile.too_large)
    data = by.rng.choice(makers)(by.rng, codec)
    return [await _first(by, carry(codec, data), codec.subprotocol)]


async def wrong_role(by: Attacker) -> Answers:
    """A driver's hello with a token for spectators, or a session that is not one's own."""
    codec = hostile.any_codec(by.rng)
    stolen = {"type": "hello", "client": "a", "role": "driver", "session": "s" * 43}
    data = by.rng.choice([say(codec, stolen), hostile.hello(codec, Role.DRIVER)])
    return [await _first(by, data, codec.subprotocol)]


async def _first(by: Attacker, data: bytes, subprotocol: str) -> str:
    codec = CODECS[subprotocol]
    with by.insider() as peer:
        wrong = await peer.open(by.rng, codec, token=by.token, welcome=False)
        return wrong or await peer.ask(data)


# --- WebSocket's own rules ------------------------------------------------------------------------


async def half_frame(by: Attacker) -> Answers:
    """The beginning of a frame, and away."""
    whole = frame(by.rng.randbytes(by.rng.randrange(1, 70_000)))
    with by.insider() as peer:
        wrong = await peer.open(by.rng, MSGPACK, token=by.token)
        await peer.send(whole[: by.rng.randrange(1, len(whole))])
        return [wrong or NOBODY]


async def fragments(by: Attacker) -> Answers:
    """A message that never ends, of small pieces or of none."""
    piece = by.rng.choice([b"", b"x", b"x" * 100])
    pieces = [frame(piece, final=False)]
    pieces += [frame(piece, CONTINUATION, final=False)] * (FRAMES_AT_ONCE - 1)
    return await _flood(by, pieces)


async def wrong_mask(by: Attacker) -> Answers:
    """Frames without a mask, as only a server sends them."""
    return [await _within(by, frame(by.rng.randbytes(20), by.rng.choice([1, 2, 9]), mask=None))]


async def reserved(by: Attacker) -> Answers:
    """Bits that mean nothing here."""
    data = frame(b"{}", by.rng.choice([TEXT, BINARY, PING]), reserved=by.rng.randrange(1, 8))
    return [await _within(by, data)]


async def bad_opcode(by: Attacker) -> Answers:
    """Frames of kinds that there are not; pieces of nothing; pings in pieces, or too long."""
    data = by.rng.choice(
        [
            frame(b"", by.rng.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])),
            frame(b"x", CONTINUATION),
            frame(b"x", PING, final=False),
            frame(b"x" * 126, PING),
            frame(b"x", hostile.CLOSE),
            frame(b"\x03\xed", hostile.CLOSE),
            frame(b"x", final=False) + frame(b"x"),
        ]
    )
    return [await _within(by, data)]


async def lying_length(by: Attacker) -> Answers:
    """Frames that announce exabytes."""
    length = by.rng.choice([2**63 - 1, 2**63, 2**64 - 1, 2**40, 2**20 + 1])
    return [await _within(by, frame(b"x", by.rng.choice([TEXT, BINARY]), length=length))]


async def bomb(by: Attacker) -> Answers:
    """Compression offered, which is not to be taken; and what it would have unpacked."""
    codec = hostile.any_codec(by.rng)
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    with by.insider() as peer:
        wrong = await peer.open(by.rng, codec, offer, token=by.token)
        if b"deflate" in peer.head:
            return ["compression accepted"]
        return [wrong or await peer.ask(hostile.bomb(by.rng))]


async def _within(by: Attacker, data: bytes) -> str:
    """Send something as a spectator who was welcomed."""
    with by.insider() as peer:
        wrong = await peer.open(by.rng, MSGPACK, token=by.token)
        return wrong or await peer.ask(data)


# --- Messages -------------------------------------------------------------------------------------


async def oversized(by: Attacker) -> Answers:
    """Messages beyond every limit, up to one beyond what is read at all."""
    codec = hostile.any_codec(by.rng)
    if by.rng.random() < 0.05:
        return [await _within(by, frame(b"\xc0" * (1 << 20) + b"\xc0"))]
    return await _say(by, codec.subprotocol, [hostile.too_large(by.rng, codec)])


async def nested(by: Attacker) -> Answers:
    """Lists in lists in lists."""
    codec = hostile.any_codec(by.rng)
    return await _say(by, codec.subprotocol, [hostile.nested(by.rng, codec) for _ in range(3)])


async def extensions(by: Attacker) -> Answers:
    """MessagePack's own types, and lengths that are not there."""
    data = [hostile.extension(by.rng) for _ in range(MESSAGES_AT_ONCE)]
    return await _say(by, MSGPACK.subprotocol, data)


async def not_utf8(by: Attacker) -> Answers:
    """Text that is none."""
    data = [hostile.not_utf8(by.rng) for _ in range(MESSAGES_AT_ONCE)]
    return await _say(by, "ac-bridge.v1+json", data)


async def malformed(by: Attacker) -> Answers:
    """Messages cut, mixed up, and with values that nobody expects."""
    codec = hostile.any_codec(by.rng)
    data = [hostile.malformed(by.rng, codec) for _ in range(MESSAGES_AT_ONCE)]
    return await _say(by, codec.subprotocol, data)


async def out_of_order(by: Attacker) -> Answers:
    """Messages that are right, at a time or from somebody for whom they are not."""
    codec = hostile.any_codec(by.rng)
    data = [hostile.plainly(codec, hostile.out_of_order(by.rng)) for _ in range(MESSAGES_AT_ONCE)]
    return await _say(by, codec.subprotocol, data)


async def _say(by: Attacker, subprotocol: str, payloads: list[bytes]) -> Answers:
    """Say things as a spectator who was welcomed, and wait for each answer."""
    codec = CODECS[subprotocol]
    answers: Answers = []
    with by.insider() as peer:
        if wrong := await peer.open(by.rng, codec, token=by.token):
            return [wrong]
        for payload in payloads:
            answers.append(await peer.ask(carry(codec, payload)))
            if answers[-1] in GONE or answers[-1].startswith("close"):
                break
    return answers


# --- Too much of it -------------------------------------------------------------------------------


async def pings(by: Attacker) -> Answers:
    """Pings without a pause."""
    return await _flood(by, [frame(b"", PING)] * FRAMES_AT_ONCE)


async def tiny_frames(by: Attacker) -> Answers:
    """Messages of a byte, without a pause."""
    return await _flood(by, [frame(b"x")] * FRAMES_AT_ONCE)


async def _flood(by: Attacker, frames: list[bytes]) -> Answers:
    """Send frames without a pause; each of them counts, the last answer is the one to all."""
    with by.insider() as peer:
        if wrong := await peer.open(by.rng, MSGPACK, token=by.token):
            return [wrong]
        await peer.send(b"".join(frames))
        said = following = await peer.answer()
        while following in ("failure malformed", "pong frame"):
            said, following = following, await peer.answer(LATER_S)
        return [said if following == SILENCE else following] * len(frames)


async def never_reads(by: Attacker) -> Answers:
    """Subscribes to everything, asks for more, and takes none of it."""
    with by.insider(receive_bytes=2048) as peer:
        if wrong := await peer.open(by.rng, MSGPACK, token=by.token):
            return [wrong]
        await peer.send(say(MSGPACK, {"type": "subscribe", "id": 1, "hz": 60.0}))
        for number in range(40):
            await peer.send(say(MSGPACK, {"type": "ping", "id": number, "t_sent": 1.0}))
            await asyncio.sleep(0.1)
        return [NOBODY]


async def reset_midway(by: Attacker) -> Answers:
    """A conversation that is reset at any byte of it."""
    codec = hostile.any_codec(by.rng)
    with by.insider() as peer:
        if wrong := await peer.open(by.rng, codec, token=by.token, welcome=False):
            return [wrong]
        talk = hostile.hello(codec) + say(codec, {"type": "subscribe", "id": 1, "hz": 60.0})
        await peer.send(talk[: by.rng.randrange(len(talk))])
        return [NOBODY]


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A kind of attack.

    Attributes:
        run: does it once.
        share: how many inputs are of this kind, in terms of the others.
        each: hostile inputs that one run sends at the most.
        right: the right answers, beside those that there are too many.
        slow: whether it takes seconds, most of which nothing happens in.
    """

    run: Run
    share: int
    right: frozenset[str]
    each: int = 1
    slow: bool = False

    @property
    def name(self) -> str:
        """What it is called."""
        return self.run.__name__.replace("_", " ")

    @property
    def what(self) -> str:
        """What it does, in a few words."""
        return (self.run.__doc__ or "").rstrip(".")


def _right(*answers: str) -> frozenset[str]:
    return frozenset(answers) | ROOM


BAD_REQUEST = _right("HTTP 400 illegal", "HTTP 400 wrong_codec", "HTTP 401 unauthorized")
IN_PIECES = BROKEN | ENOUGH | ROOM
NO_MESSAGE = _right("failure malformed", "failure unknown_type", "failure too_large") | ENOUGH

KINDS = (
    Kind(half_request, 30, _right(NOBODY)),
    Kind(slow_request, 1, _right("HTTP 408 illegal", "HTTP 400 illegal"), slow=True),
    Kind(no_request, 1, _right("HTTP 408 illegal"), slow=True),
    Kind(garbage, 50, BAD_REQUEST),
    Kind(huge_request, 25, BAD_REQUEST),
    Kind(
        wrong_request,
        60,
        BAD_REQUEST
        | {
            *("HTTP 403 forbidden", "HTTP 404 no_such_actor", "HTTP 405 illegal"),
            *("HTTP 426 illegal", "HTTP 505 illegal"),
        },
    ),
    Kind(wrong_origin, 25, _right("HTTP 403 forbidden")),
    Kind(no_token, 40, _right("HTTP 401 unauthorized")),
    Kind(crowd, 60, _right(NOBODY, "HTTP 401 unauthorized", "HTTP 101"), each=CROWD),
    Kind(no_hello, 1, _right(), slow=True),
    Kind(not_hello, 50, _right("refusal illegal", "refusal forbidden", "refusal malformed")),
    Kind(
        bad_hello,
        50,
        _right("refusal malformed", "refusal unknown_type", "refusal too_large", "refusal illegal"),
    ),
    Kind(wrong_role, 15, _right("refusal forbidden", "welcome", "refusal full")),
    Kind(half_frame, 30, _right(NOBODY)),
    Kind(fragments, 80, IN_PIECES | {SILENCE}, each=FRAMES_AT_ONCE),
    Kind(wrong_mask, 30, IN_PIECES),
    Kind(reserved, 30, IN_PIECES),
    Kind(bad_opcode, 30, IN_PIECES | {"close 1005", "close"}),
    Kind(lying_length, 30, IN_PIECES),
    Kind(bomb, 10, IN_PIECES),
    Kind(oversized, 8, NO_MESSAGE | BROKEN),
    Kind(nested, 20, NO_MESSAGE, each=3),
    Kind(extensions, 60, NO_MESSAGE, each=MESSAGES_AT_ONCE),
    Kind(not_utf8, 60, NO_MESSAGE | BROKEN, each=MESSAGES_AT_ONCE),
    Kind(malformed, 140, NO_MESSAGE | BROKEN | {"pong"}, each=MESSAGES_AT_ONCE),
    Kind(out_of_order, 90, _right("failure illegal") | NO_MESSAGE, each=MESSAGES_AT_ONCE),
    Kind(pings, 60, ENOUGH | ROOM | {"pong frame"}, each=FRAMES_AT_ONCE),
    Kind(tiny_frames, 60, ENOUGH | ROOM | {"failure malformed"}, each=FRAMES_AT_ONCE),
    Kind(never_reads, 1, _right(NOBODY), slow=True),
    Kind(reset_midway, 40, _right(NOBODY)),
)
"""In the order in which a connection goes on."""
