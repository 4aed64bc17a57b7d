"""Masks: what cannot be the same twice becomes the same, and nothing else changes."""

from __future__ import annotations

import pytest

from ac_bridge.replay.masks import MASKS, Masking, masks_named
from ac_bridge_protocol.codec import JSON, MSGPACK, Codec
from ac_bridge_protocol.errors import ErrorCode, SettingError
from ac_bridge_protocol.messages import Failure, Hello, Message, Pong
from helpers.wire import make_step_result, make_welcome

CODECS = pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=lambda codec: codec.name)


def masked(masking: Masking, message: Message, codec: Codec) -> Message:
    """Mask a message and read what is left."""
    data = masking.mask(codec.encode(message), binary=codec.binary)
    return codec.decode(data, binary=codec.binary)


@CODECS
def test_a_session_is_called_by_its_number_both_ways(codec: Codec) -> None:
    """Secrets become words in the order in which they come, and words become secrets again."""
    masking = Masking()
    first, second = (
        make_welcome().model_copy(update={"session": f"secret {number}", "actor": "ac-bridge 9.9"})
        for number in (1, 2)
    )
    for welcome, word in ((first, "session-1"), (second, "session-2"), (first, "session-1")):
        assert masked(masking, welcome, codec) == welcome.model_copy(
            update={"session": word, "actor": "ac-bridge"}
        )
    hello = Hello(client="x", session="session-2")
    data = masking.unmask(codec.encode(hello), binary=codec.binary)
    assert codec.decode(data, binary=codec.binary) == Hello(client="x", session="secret 2")


@CODECS
def test_what_has_no_mask_stays_byte_for_byte(codec: Codec) -> None:
    """Messages without a masked field, spectators' welcomes, and rubbish are left alone."""
    masking = Masking()
    hello = codec.encode(Hello(client="x", session="nobody's"))
    assert masking.unmask(hello, binary=codec.binary) == hello
    pong = codec.encode(Pong(id=1, t_ping=1.5, t_received=2.5, t_sent=3.5))
    assert masking.mask(pong, binary=codec.binary) == pong
    for rubbish in (b"", b"\xc1", b"[1]", b'{ "type" : "pong" }'):
        assert masking.mask(rubbish, binary=codec.binary) == rubbish


@CODECS
def test_a_parsers_words_are_left_out(codec: Codec) -> None:
    """Of a malformed message the field's name stays, and the library's words go."""
    bad = Failure(id=1, code=ErrorCode.MALFORMED, message="step.id: Input should be: an integer.")
    assert masked(Masking(), bad, codec).message == "step.id: ..."
    busy = Failure(id=1, code=ErrorCode.BUSY, message="The car is driven: by x.")
    assert masked(Masking(), busy, codec) == busy


@CODECS
def test_what_rounding_leaves_of_a_zero_is_zero(codec: Codec) -> None:
    """Tiny numbers of a frame become zero; the others, and all other bytes, stay."""
    made = make_step_result(3)
    frame = made.frame.model_copy(
        update={"acc_g": (1e-17, -2e-18, -0.0), "speed_kmh": 1e-6, "velocity": (0.1, 1e-11, 2.0)}
    )
    noisy = made.model_copy(update={"frame": frame, "observation": (-1e-19, 0.3)})
    clean = frame.model_copy(update={"acc_g": (0.0, 0.0, 0.0)})
    quiet = made.model_copy(update={"frame": clean, "observation": (0.0, 0.3)})
    data = Masking().mask(codec.encode(noisy), binary=codec.binary)
    assert data == Masking().mask(codec.encode(quiet), binary=codec.binary)
    assert codec.decode(data, binary=codec.binary) == quiet


@CODECS
def test_further_masks_are_asked_for_by_name(codec: Codec) -> None:
    """Times and sentences are masked where a transcript says so."""
    masking = Masking(["times", "sentences"])
    pong = Pong(id=1, t_ping=1.5, t_received=2.5, t_sent=2.5)
    assert masked(masking, pong, codec) == Pong(id=1, t_ping=0.0, t_received=0.0, t_sent=0.0)
    busy = Failure(id=1, code=ErrorCode.BUSY, message="Busy.", hint="Wait.", component="c")
    assert masked(masking, busy, codec) == busy.model_copy(update={"message": "...", "hint": "..."})


def test_a_page_names_no_version() -> None:
    """The actor's health is masked like a welcome; a refusal like any other."""
    page = b'{"status":"ok","software":"ac-bridge 9.9","game":"live"}\n'
    assert Masking().mask_page(page) == b'{"status":"ok","software":"ac-bridge","game":"live"}\n'
    assert Masking().mask_page(b"no JSON") == b"no JSON"


def test_every_mask_says_why() -> None:
    """A mask without a reason, and one that nobody knows, are none."""
    assert all(mask.reason.endswith(".") for mask in MASKS)
    assert "times" in [mask.name for mask in masks_named(["times"])]
    assert all(mask.always for mask in masks_named([]))
    with pytest.raises(SettingError, match="no mask 'all'"):
        masks_named(["all"])
