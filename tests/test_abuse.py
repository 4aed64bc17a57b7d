"""The abuse bench: hostile bytes, right and wrong answers, the verdict; and a siege in small."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest
from websockets.exceptions import ProtocolError
from websockets.protocol import State
from websockets.server import ServerProtocol

from _abuse import hostile
from _abuse.attacker import plan
from _abuse.attacks import KINDS, ROOM
from _abuse.hostile import TEXT, frame
from _abuse.judge import (
    JUDGED_TICKS,
    Block,
    Body,
    Found,
    Where,
    as_json,
    as_lines,
    broken,
    complaints,
    disturbed,
)
from _abuse.siege import lay_siege
from ac_bridge_protocol.codec import CODECS, JSON, MSGPACK
from ac_bridge_protocol.errors import FrameError
from ac_bridge_protocol.messages import Hello, Release, Role

RNG = random.Random(5)
CALM = Block([0.0002] * 1000, missed=0, late=0, held=0)
BODY = Body(rss_bytes=80 << 20, files=15)


def found(**overrides: Any) -> Found:
    """Return what an actor that keeps every promise shows."""
    answers = {"garbage": {"HTTP 400 illegal": 90, "reset": 10}}
    values: dict[str, Any] = {"before": BODY, "middle": BODY, "after": BODY, "within_s": 10.0}
    values |= {"answers": answers, "blocks": blocks(), "ended": []}
    return Found(**(values | {"alive": True, "tracebacks": 0} | overrides))


def blocks(**others: Block) -> dict[Where, list[Block]]:
    """Return enough calm blocks of every sort, or others, by the name of their sort."""
    return {where: [others.get(where.value, CALM)] * 3 for where in Where}


def block(error_s: float, ticks: int = 1000, *, missed: int = 0, late: int = 0) -> Block:
    """Return a block in which every tick was so late."""
    return Block([error_s] * ticks, missed=missed, late=late, held=0)


# --- Hostile bytes --------------------------------------------------------------------------------


def test_a_frame_is_as_right_as_it_is_meant_to_be() -> None:
    """A whole one is read by a server; without a mask, or with bits of its own, it is refused."""
    server = ServerProtocol(state=State.OPEN)
    server.receive_data(frame(b"hello", TEXT) + frame(b"x" * 300))
    first, second = server.events_received()
    assert (first.data, len(second.data)) == (b"hello", 300)  # type: ignore[union-attr]
    for wrong in (frame(b"x", mask=None), frame(b"x", reserved=4), frame(b"x", 5)):
        server = ServerProtocol(state=State.OPEN)
        server.receive_data(wrong)
        assert isinstance(server.parser_exc, ProtocolError)


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
def test_what_should_be_no_message_is_none(codec: Any) -> None:
    """Nested, too large, of types of its own, or with text that is none."""
    for make in (hostile.nested, hostile.too_large):
        for _ in range(50):
            with pytest.raises(FrameError):
                codec.decode(make(RNG, codec), binary=codec.binary)
    for _ in range(50):
        with pytest.raises(FrameError):
            MSGPACK.decode(hostile.extension(RNG), binary=True)
        with pytest.raises(FrameError):
            JSON.decode(hostile.not_utf8(RNG), binary=False)


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
def test_whoever_means_well_first_says_so_in_earnest(codec: Any) -> None:
    """Else what comes behind the hello would never be looked at."""
    server = ServerProtocol(state=State.OPEN)
    server.receive_data(hostile.hello(codec) + hostile.say(codec, {"type": "release"}))
    frames: list[Any] = server.events_received()
    told = [codec.decode(bytes(one.data), binary=codec.binary) for one in frames]
    assert told == [Hello(client="abuse", role=Role.SPECTATOR), Release()]


def test_a_request_is_what_a_server_accepts() -> None:
    """Without the oddities, so that an attack tests what it says it does."""
    server = ServerProtocol(subprotocols=[MSGPACK.subprotocol])  # type: ignore[list-item]
    server.receive_data(hostile.request(RNG, MSGPACK, token="t" * 40))
    [request] = server.events_received()
    assert request.headers["Authorization"] == "Bearer " + "t" * 40  # type: ignore[union-attr]
    assert server.accept(request).status_code == 101  # type: ignore[arg-type]


def test_a_plan_has_so_many_inputs_of_every_kind() -> None:
    """Nobody's token is only tried where one is asked for."""
    for inputs in (4000, 200_000):
        kinds = [kind for part in plan(inputs, random.Random(1), tokens=True) for kind in part]
        assert {kind.name for kind in kinds} == {kind.name for kind in KINDS}
        assert inputs <= sum(kind.each for kind in kinds) < inputs + sum(k.each for k in KINDS)
    assert "no token" not in {k.name for part in plan(99, RNG, tokens=False) for k in part}


# --- The verdict ----------------------------------------------------------------------------------


def test_an_actor_that_bears_it_holds() -> None:
    """Nothing to complain of; the page has the figures and every answer."""
    assert not complaints(found())
    lines = "\n".join(as_lines(found()))
    assert "100 hostile inputs" in lines
    assert "HTTP 400 illegal 90, reset 10" in lines
    assert "Every promise held." in lines
    assert as_json(found())["holds"]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"answers": {"garbage": {"HTTP 101": 1}}}, "garbage: HTTP 101 (1 x)"),
        ({"answers": {"no token": {"HTTP 101": 2}}}, "no token: HTTP 101 (2 x)"),
        ({"alive": False}, "not alive"),
        ({"tracebacks": 1}, "1 tracebacks"),
        ({"ended": ["game_lost"]}, "the episode ended: game_lost"),
        ({"after": Body(80 << 20, 16)}, "1 descriptors"),
        ({"after": Body(89 << 20, 15)}, "memory grew by 9 MiB"),
    ],
)
def test_each_broken_promise_is_told(overrides: dict[str, Any], said: str) -> None:
    """One is enough."""
    bad = found(**overrides)
    assert any(said in one for one in broken(bad))
    assert not as_json(bad)["holds"]


@pytest.mark.parametrize(
    ("here", "beside", "said"),
    [
        (block(0.0031), block(0.002), "1.55 x that while a neighbour"),
        (block(0.0029), block(0.002), ""),
        (block(0.0009), block(0.0002), ""),  # nobody sees that
        (block(0.0002, missed=2), block(0.0002), "2.0 more of 1,000 ticks"),
        (block(0.0002, missed=2), block(0.0002, missed=1), ""),
        (block(0.0002, late=2), block(0.0002), "2.0 more of 1,000 actions"),
        (block(0.0002, late=1), block(0.0002, late=1), ""),
    ],
)
def test_ticks_are_judged_by_those_beside_an_attacked_neighbour(
    here: Block, beside: Block, said: str
) -> None:
    """Late by half as much again and by more than a millisecond, missed, or an action late."""
    told = disturbed(found(blocks=blocks(here=here, neighbour=beside)))
    assert [said in one for one in told] == [True] * bool(said)


def test_ticks_are_not_judged_by_those_of_quiet_blocks() -> None:
    """Where nobody is attacked, both cores are the driver's: that is told, and no more."""
    late = block(0.005)
    seen = found(blocks=blocks(here=late, neighbour=late))
    assert not complaints(seen)
    assert "25.00 x quiet (not judged" in "\n".join(as_lines(seen))


def test_few_ticks_are_not_judged() -> None:
    """One of them that is late by chance would be the slowest hundredth; the page says so."""
    few = block(0.05, JUDGED_TICKS // 3 - 1, missed=9)
    seen = found(blocks=blocks(here=few))
    assert not disturbed(seen)
    assert "Ticks were not judged" in "\n".join(as_lines(seen))


def test_every_kind_may_find_no_room() -> None:
    """A crowd takes it, and each kind has an answer of its own or a reason to have none."""
    assert all(kind.right >= ROOM for kind in KINDS)
    assert all(kind.what for kind in KINDS)


# --- A siege --------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc; addresses of 127.0.0.0/8")
def test_an_actor_bears_a_small_siege() -> None:
    """Every kind of attack, a driver who steps meanwhile: all refused in words, nothing left."""
    by_turns = (Where.NEIGHBOUR, Where.HERE, Where.QUIET)
    seen = lay_siege(800, blocks=by_turns, attackers=1, seed=7, quiet_s=0.5)
    assert not broken(seen)
    assert set(seen.answers) == {kind.name for kind in KINDS}
    assert seen.inputs >= 800
    assert all(seen.ticks(where)["ticks"] >= 20 for where in Where)
    assert seen.ticks(Where.HERE)["ticks"] > 60
