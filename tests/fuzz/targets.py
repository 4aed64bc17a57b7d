"""What is fuzzed: functions that take any bytes and fail only if a promise is broken.

No fuzzer is needed to call them: the seeds are replayed wherever the tests run.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from ac_bridge.net.tokens import TokenBook
from ac_bridge.relay.frames import Unmasker
from ac_bridge.track.ai_line import read_ai
from ac_bridge.track.edges import read_edge
from ac_bridge_protocol import relay
from ac_bridge_protocol.codec import CODECS, JSON, MSGPACK, Codec
from ac_bridge_protocol.errors import (
    ErrorCode,
    FrameError,
    LocalProtocolError,
    RemoteProtocolError,
    SettingError,
    TrackError,
)
from ac_bridge_protocol.limits import MESSAGE_TYPE_BYTES, TEXT_CHARACTERS
from ac_bridge_protocol.messages import Message, Release, Reset, Step, Subscribe
from ac_bridge_protocol.session import (
    ActorSession,
    LearnerSession,
    Repeat,
    Session,
    SessionState,
    Stale,
    Way,
)
from helpers.sessions import KINDS, check_bounds, kind_of_message, snapshot
from helpers.two import Two, driving
from helpers.wire import make_welcome

SLICE_BYTES = 600
"""Longest piece of a script that is taken for a message: longer ones say nothing new."""


class Script:
    """Bytes read as numbers; 0 for ever at the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def below(self, limit: int) -> int:
        """Return a number from 0, below a limit of at most 256."""
        return (self.take(1) or b"\0")[0] % limit

    def take(self, count: int) -> bytes:
        """Return so many bytes, or what is left."""
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def piece(self) -> bytes:
        """Return bytes whose number comes first."""
        return self.take(self.below(256) * SLICE_BYTES // 255)


# --- Codecs ---------------------------------------------------------------------------------------


def decode_json(data: bytes) -> None:
    """JSON in text frames."""
    _survives(JSON, data)


def decode_msgpack(data: bytes) -> None:
    """MessagePack in binary frames."""
    _survives(MSGPACK, data)


def _survives(codec: Codec, data: bytes) -> None:
    """Bytes are a message, the same after a round trip; or they are refused in a few words."""
    try:
        message = codec.decode(data, binary=codec.binary)
    except FrameError as error:
        _told(error)
        return
    assert len(data) <= MESSAGE_TYPE_BYTES[message.type]
    if _writable(message):
        assert codec.decode(codec.encode(message), binary=codec.binary) == message


def _told(error: FrameError) -> None:
    """An error can be sent back as it is."""
    assert error.code in (ErrorCode.MALFORMED, ErrorCode.TOO_LARGE, ErrorCode.UNKNOWN_TYPE)
    assert 0 < len(error.message) <= TEXT_CHARACTERS
    assert len(error.hint) <= TEXT_CHARACTERS


def _writable(message: Message) -> bool:
    """Whether a message can be written in both codecs, and equals itself."""
    actions = (message.action, *message.plan) if isinstance(message, Step) else ()
    return all(math.isfinite(value) for action in actions for value in action)


# --- Sessions -------------------------------------------------------------------------------------


def actor_session(data: bytes) -> None:
    """The actor's side against a learner that sends anything."""
    _one_side(ActorSession(_codec(script := Script(data)), now=0.0), script)


def learner_session(data: bytes) -> None:
    """The learner's side against an actor that sends anything."""
    _one_side(LearnerSession(_codec(script := Script(data))), script)


def _codec(script: Script) -> Codec:
    return list(CODECS.values())[script.below(2)]


def _one_side(session: Session, script: Script) -> None:
    """Messages in and out, bytes, damaged messages, repeats, and new links, in any order."""
    last = b""
    while script:
        before = snapshot(session)
        move = script.below(8)
        binary = session.codec.binary
        try:
            got: Message | Repeat | Stale | bytes | None = None
            if move == 0:
                got = session.receive(script.piece(), binary=binary)
            elif move == 1:
                got = session.receive(script.piece(), binary=not binary)
            elif move == 2:
                got = session.receive(_damaged(last, script), binary=binary)
            elif move == 3:
                got = session.receive(last, binary=binary)
            elif move == 4:
                session = _next_link(session, script)
                before = snapshot(session)
            elif move == 5:
                got = session.send(_message(session, script))
            else:
                last = session.codec.encode(_message(session, script))
                got = session.receive(last, binary=binary)
        except (FrameError, RemoteProtocolError):
            assert snapshot(session) == before
            assert move != 4
        except LocalProtocolError:
            assert snapshot(session) == before
            assert move == 5
        if isinstance(got, Repeat | Stale):
            assert snapshot(session) == before
        check_bounds(session)
    if isinstance(session, LearnerSession):
        session.repeat()


def _message(session: Session, script: Script) -> Message:
    """Return a message of any kind with an id near the next one."""
    request_id = max(0, session.course.next_id + script.below(12) - 8)
    if not (kind := script.below(KINDS + 1)):
        return make_welcome(delay_ticks=script.below(4))
    return kind_of_message(kind - 1, request_id)


def _damaged(data: bytes, script: Script) -> bytes:
    """Return a message with a few bytes replaced by a few others."""
    at = script.below(256) * len(data) // 256
    return data[:at] + script.take(script.below(5)) + data[at + script.below(5) :]


def _next_link(session: Session, script: Script) -> Session:
    """Return what goes on with a session on another link, perhaps in the other codec."""
    codec = _codec(script)
    following: Session = (
        ActorSession(codec, now=0.0) if isinstance(session, ActorSession) else LearnerSession(codec)
    )
    if session.state not in (SessionState.CONNECTED, SessionState.NEGOTIATING, SessionState.CLOSED):
        following.resume(session.course)
    return following


def lossy_link(data: bytes) -> None:
    """Two honest sides whose link is cut at any moment, and comes back."""
    script = Script(data)
    delay_ticks = script.below(6)
    two = driving(delay_ticks) if script.below(2) else Two(delay_ticks)
    while script:
        _move(two, script)
        two.check()
    two.settle()
    two.check_settled()


def _move(two: Two, script: Script) -> None:
    move, pick = script.below(9), script.below(8)
    waiting = list(two.actor.in_flight)
    if move == 0 and two.link is not None and two.link.up:
        two.carry_up()
    elif move == 1 and two.link is not None and two.link.down:
        two.carry_down()
    elif move == 2 and waiting:
        two.answer(waiting[pick % len(waiting)], well=bool(pick & 4))
    elif move == 3:
        two.cut() if two.link is not None else two.connect()
    elif move == 4 and two.actor.state is SessionState.RESETTING:
        two.progress()
    elif two.steady and (request := _request(two, move)) is not None:
        two.ask(request)


def _request(two: Two, move: int) -> Message | None:
    """Return what the learner asks for, if it may now."""
    request_id = two.learner.next_id
    requests: list[Message] = [
        Step(id=request_id, action=(float(request_id),)),
        Reset(id=request_id),
        Release(),
        Subscribe(id=request_id, hz=10.0),
    ]
    request = requests[move % len(requests)]
    allowed = two.learner.following(Way.OUT, request) is not None
    return request if allowed and not two.learner.problem(request) else None


# --- The relay, and tokens ------------------------------------------------------------------------


def relay_message(data: bytes) -> None:
    """What a parked connection says."""
    try:
        message = relay.decode(data)
    except FrameError as error:
        _told(error)
        return
    assert relay.decode(relay.encode(message)) == message


def unmasker(data: bytes) -> None:
    """A learner's frames through the relay: as one piece or in many, the same goes out."""
    script = Script(data)
    sizes = [1 + script.below(20) for _ in range(script.below(16))] or [3]
    stream = script.take(len(data))
    whole, pieces = Fed(), Fed()
    whole.feed(Unmasker(), [stream])
    cut = [stream[sum(sizes[:n]) : sum(sizes[: n + 1])] for n in range(len(sizes))]
    pieces.feed(Unmasker(), [*cut, stream[sum(sizes) :]])
    if not whole.refused:
        assert whole == pieces
        assert whole.out == _unmasked(stream)[: len(whole.out)]
        assert len(whole.out) <= len(stream)
    assert whole.refused == pieces.refused


@dataclasses.dataclass
class Fed:
    """What came of bytes that were fed piece by piece."""

    out: bytes = b""
    refused: bool = False

    def feed(self, reader: Unmasker, pieces: list[bytes]) -> None:
        """Feed until the reader refuses."""
        try:
            for piece in pieces:
                self.out += reader.feed(piece)
        except FrameError:
            self.refused = True


def _unmasked(stream: bytes) -> bytes:
    """Return the same in the plainest way: frame by frame, byte by byte."""
    out = b""
    while len(stream) >= 2:
        size, start = stream[1] & 0x7F, 6
        if size > 125:
            start += 2 if size == 126 else 8
            size = int.from_bytes(stream[2 : start - 4])
        if len(stream) < start:
            break
        mask, payload = stream[start - 4 : start], stream[start : start + size]
        out += bytes((stream[0], stream[1] & 0x7F)) + stream[2 : start - 4]
        out += bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
        stream = stream[start + size :]
    return out


def token_file(data: bytes) -> None:
    """A file of tokens that somebody wrote by hand."""
    try:
        book = TokenBook.parse(data.decode("utf-8", "replace"), "a file")
    except SettingError:
        return
    assert (book + book).grants("no token of this file") == frozenset()


# --- A track's files ------------------------------------------------------------------------------


def ai_line(data: bytes) -> None:
    """A line is points in a world, or it is refused at one of its bytes."""
    try:
        line = read_ai(data, "a file")
    except TrackError as error:
        _refused_within(error, len(data))
        return
    assert all(map(math.isfinite, line.xyz_m.ravel()))
    assert line.speed_m_s is None or len(line.speed_m_s) == len(line.xyz_m)


def track_edge(data: bytes) -> None:
    """An edge is two vertices or more, or it is refused at one of its lines."""
    try:
        edge = read_edge(data, "a file")
    except TrackError as error:
        _refused_within(error, len(data) + 1)
        return
    assert len(edge) >= 2
    assert all(map(math.isfinite, edge.ravel()))


def _refused_within(error: TrackError, last: int) -> None:
    """An error says where, in a place that is there."""
    assert error.offset is not None
    assert 0 <= error.offset <= last


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        *(decode_json, decode_msgpack, actor_session, learner_session, lossy_link),
        *(relay_message, unmasker, token_file, ai_line, track_edge),
    )
}
"""Each target by its name, which is that of its seeds' folder too."""
