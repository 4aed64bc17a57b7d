"""Writes the seeds: messages of ours and short scripts, for a fuzzer to begin with.

Run as `python -m fuzz.write_corpus`, from `tests`. What a fuzzer found once is kept beside them by
hand; this writes its own files and removes none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ac_bridge_protocol import relay
from ac_bridge_protocol.codec import JSON, MSGPACK
from ac_bridge_protocol.errors import ErrorCode
from ac_bridge_protocol.messages import Message
from helpers.sessions import EVERY, KINDS, kind_of_message
from helpers.track_files import ai_bytes, edge_bytes, ring_points

CORPUS = Path(__file__).parent / "corpus"
MESSAGES: dict[str, Message] = {message.type: message for message in reversed(EVERY)}
"""One of each type."""
KIND_OF: dict[str, int] = {
    kind_of_message(kind, 0).type: kind + 1 for kind in reversed(range(KINDS))
}
"""The number by which a script names a message of a type."""
NEXT = 8
"""The number by which a script names the next id."""
DIGEST = "5e" * 32


def frame(payload: bytes, first: int = 0x82, mask: bytes = b"\1\2\3\4") -> bytes:
    """Return a frame as a client sends it."""
    size = len(payload)
    head = bytes((first, 0x80 + size)) if size < 126 else bytes((first, 0xFE)) + size.to_bytes(2)
    return head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))


def scripts() -> Iterator[tuple[str, bytes]]:
    """Return scripts for one side of a session: a codec, then moves."""
    for codec in (0, 1):
        # Every kind of message sent and received in turn, the next id each time.
        received = b"".join(bytes((6, 8, kind + 1)) for kind in range(KINDS))
        sent = b"".join(bytes((5, 8, kind + 1)) for kind in range(KINDS))
        yield f"every_kind_{codec}", bytes((codec,)) + received + sent
        # A driver's life as either side sees it, with a repeat and a second link.
        asked = [("reset", "reset_result"), *[("step", "step_result")] * 4]
        answered = []
        for request, answer in asked:
            answered += [(request, 6, NEXT), (answer, 5, NEXT - 1)]
        life = [("hello", 6, NEXT), ("welcome", 5, NEXT), *answered]
        actor = b"".join(bytes((move, at, KIND_OF[name])) for name, move, at in life)
        learner = b"".join(bytes((11 - move, at, KIND_OF[name])) for name, move, at in life)
        end = bytes((3, 4, codec, 2, 128, 2, 65, 66, 1, 0, 9)) + b"{} rubbish"
        yield f"actor_life_{codec}", bytes((codec,)) + actor + end
        yield f"learner_life_{codec}", bytes((codec,)) + learner + end


def links() -> Iterator[tuple[str, bytes]]:
    """Return scripts for two honest sides: a delay, whether they drive, then moves."""
    for delay in (0, 1, 5):
        drive = bytes((5, 0, 0, 0, 2, 4, 1, 0, 8, 0, 0, 0, 2, 4, 1, 0)) * 2
        cuts = bytes((8, 0, 3, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0))
        yield f"drive_{delay}", bytes((delay, 0)) + drive
        yield f"cuts_{delay}", bytes((delay, 1)) + cuts * 2


def seeds() -> Iterator[tuple[str, str, bytes]]:
    """Return every seed: its target, its name, its bytes."""
    name: str
    for name, message in MESSAGES.items():
        yield "decode_json", name, JSON.encode(message)
        yield "decode_msgpack", name, MSGPACK.encode(message)
    for name, script in scripts():
        yield "actor_session", name, script
        yield "learner_session", name, script
    for name, script in links():
        yield "lossy_link", name, script
    spoken: list[relay.RelayMessage] = [
        relay.Park(process="x" * 8, software="a/1", drivers=(DIGEST,), spectators=(DIGEST, DIGEST)),
        relay.Parked(),
        relay.Paired(subprotocol=MSGPACK.subprotocol, peer="1.2.3.4:5", digest=DIGEST),
        relay.Taken(),
        relay.Declined(code=ErrorCode.BUSY, message="No.", hint="Later."),
    ]
    for told in spoken:
        yield "relay_message", told.type, relay.encode(told)
    ping, close = frame(b"", 0x89), frame(b"\x03\xe8", 0x88)
    yield "unmasker", "frames", bytes((3, 1, 4, 9)) + frame(b"hello") + ping + frame(b"x" * 200)
    yield "unmasker", "fragments", b"\2\0\6" + frame(b"a", 2) + frame(b"", 0) + frame(b"b", 128)
    yield "unmasker", "close", b"\1\7" + frame(b"{}", 0x81) + close + frame(b"late")
    tokens = f"# ours\ndriver {'t0ken-' * 7}=\n\nspectator {'S' * 40} # the screen\n"
    yield "token_file", "book", (tokens + f"park:my-pc {'p' * 40}\nlist {'l' * 40}\n").encode()
    yield "token_file", "mistakes", b"driver\nqueen " + b"q" * 40 + b"\npark:a/b c\n"
    ring = ring_points(4)
    yield "ai_line", "line", ai_bytes(ring)
    yield "ai_line", "points_only", ai_bytes(ring, payloads=0, tail=b"")[:-4]
    yield "ai_line", "payloads", ai_bytes(ring, payloads=2, ids=(1, 0, 2, -1))
    yield "track_edge", "three", edge_bytes(ring)
    yield "track_edge", "four", edge_bytes(ring, ",0.5")


def main() -> None:
    """Write them all."""
    for target, name, data in seeds():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
