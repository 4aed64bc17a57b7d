"""The bad links that faults are tried on: they do what they are told, and no more."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from ac_bridge_protocol.codec import CODEC_NAMES
from ac_bridge_protocol.messages import Step
from links import CutPlan, LinkQuality, ProxyLink, RightsMissingError, TunLink
from links.conversation import OTHER, Conversation, Direction, Place, Units, message_in, torn
from links.cuts import Cutter
from links.quality import Way
from links.servant import Servant, ServantError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the bad links are for Linux")

HOUR_S = 3600.0
LOOKS = 2000
SEND = """
import socket, sys
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(int(sys.argv[2])):
    sender.sendto(str(number).encode(), (sys.argv[1], 9000))
"""
TAKE = """
import socket, sys
taker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
taker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
taker.bind((sys.argv[1], 9000))
print("ready", flush=True)
sys.stdin.readline()
taker.setblocking(False)
try:
    while True:
        print(taker.recv(100).decode(), end=" ")
except BlockingIOError:
    pass
"""


# --- How bad a link is ----------------------------------------------------------------------------


def test_a_way_delays_and_jitters() -> None:
    """Everything arrives within the jitter of the delay, and not always alike."""
    way = Way(LinkQuality(delay_s=0.02, jitter_s=0.005, reorder=True), 1, "up")
    arrivals = [way.arrival_s(10.0) for _ in range(1000)]
    taken = [arrival - 10.0 for arrival in arrivals if arrival is not None]
    assert len(taken) == 1000
    assert 0.015 <= min(taken) < 0.016
    assert 0.024 < max(taken) <= 0.025


def test_a_way_loses_its_share() -> None:
    """Two in a hundred, give or take."""
    way = Way(LinkQuality(loss=0.02), 1, "up")
    lost = sum(way.arrival_s(0.0) is None for _ in range(10_000))
    assert 150 < lost < 250


def test_jitter_overtakes_only_where_allowed() -> None:
    """In order unless asked for otherwise."""
    arrivals = {}
    for reorder in (False, True):
        way = Way(LinkQuality(0.02, 0.01, reorder=reorder), 1, "up")
        arrivals[reorder] = [way.arrival_s(n / 1000) or 0.0 for n in range(100)]
    assert arrivals[False] == sorted(arrivals[False])
    assert arrivals[True] != sorted(arrivals[True])


def test_fate_repeats_from_the_seed() -> None:
    """The n-th thing sent fares alike whenever it is sent, and otherwise the other way."""

    def fates(seed: int, name: str) -> list[bool]:
        way = Way(LinkQuality(loss=0.5), seed, name)
        return [way.arrival_s(0.0) is None for _ in range(50)]

    assert fates(1, "up") == fates(1, "up")
    assert fates(1, "up") != fates(1, "down")
    assert fates(1, "up") != fates(2, "up")


@pytest.mark.parametrize("wrong", [(-1.0, 0.0, 0.0), (0.1, 0.2, 0.0), (0.0, 0.0, 1.1)])
def test_impossible_links_are_refused(wrong: tuple[float, float, float]) -> None:
    """Nothing arrives before it was sent, and no more is lost than there is."""
    with pytest.raises(ValueError, match="No link is like this"):
        LinkQuality(*wrong)


# --- What passes ----------------------------------------------------------------------------------


def test_units_are_whole_however_the_bytes_come() -> None:
    """Head and frames of every length are found, byte by byte as well as at once."""
    head = b"GET / HTTP/1.1\r\nA: b\r\n\r\n"
    frames = [
        bytes([0x82, 3]) + b"abc",
        bytes([0x82, 126]) + (300).to_bytes(2) + bytes(300),
        bytes([0x82, 127]) + (70_000).to_bytes(8) + bytes(70_000),
        bytes([0x81, 0x80 | 2]) + b"mask" + b"xy",
        bytes([0x89, 0]),
    ]
    whole = head + b"".join(frames)
    assert Units().feed(whole) == [head, *frames]
    units = Units()
    assert [u for n in range(400) for u in units.feed(whole[n : n + 1])] == [head, *frames[:2]]


@pytest.mark.parametrize("codec", list(CODEC_NAMES))
def test_messages_are_read_in_passing(codec: str) -> None:
    """Masked or not, in either codec."""
    message = Step(id=7, action=(0.0, 0.5, 0.0))
    payload = CODEC_NAMES[codec].encode(message)
    opcode = 0x82 if CODEC_NAMES[codec].binary else 0x81
    length = bytes([126]) + len(payload).to_bytes(2)
    plain = bytes([opcode]) + length + payload
    mask = b"\x01\x02\x03\x04"
    masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
    hidden = bytes([opcode, length[0] | 0x80]) + length[1:] + mask + masked
    assert message_in(plain) == message_in(hidden)
    assert message_in(plain)["id"] == 7
    assert message_in(b"GET / HTTP/1.1\r\n\r\n") == {}


def test_a_conversation_knows_what_is_under_way() -> None:
    """From the request's first byte to the answer's last, over lost connections too."""
    talk = Conversation()
    assert talk.place() is Place.IDLE
    talk.asks({"type": "step", "id": 1})
    assert talk.place() is Place.REQUEST
    talk.passed({"type": "step", "id": 1})
    assert talk.place() is Place.ANSWER
    talk.asks({"type": "step", "id": 1})  # once more, on another connection
    talk.passed({"type": "telemetry"})
    assert talk.place() is Place.ANSWER
    talk.passed({"type": "step_result", "id": 1})
    assert talk.place() is Place.IDLE
    talk.asks({"type": "step", "id": 2})
    talk.asks({"type": "reset", "id": 3})
    talk.passed({"type": "reset", "id": 3})
    assert talk.place() is Place.RESET
    talk.passed({"type": "reset_result", "id": 3})
    assert talk.place() is Place.IDLE, "nobody waits for step 2 any more"


# --- Processes that obey ---


def test_a_servant_that_does_not_come_up_is_told() -> None:
    """At once, and not by silence."""
    with pytest.raises(ServantError, match="has ended"):
        Servant("links.nothing_of_that_name")


def test_a_servant_that_was_killed_is_told() -> None:
    """When it is asked for something."""
    with answering() as port:
        link = ProxyLink(port)
        link._servant.kill()
        with link, pytest.raises(ServantError, match="has ended"):
            link.counts()


# --- The proxy ------------------------------------------------------------------------------------


def answer(connection: ServerConnection) -> None:
    """Answer every step with its own number."""
    with contextlib.suppress(ConnectionClosed):
        for text in connection:
            message = json.loads(text)
            connection.send(json.dumps({"type": "step_result", "id": message["id"]}))


@contextlib.contextmanager
def answering() -> Iterator[int]:
    """Run such a server; give its port."""
    with serve(answer, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()


def ask(connection: ClientConnection, number: int) -> int:
    """Ask for a step; return the number of its answer."""
    connection.send(json.dumps({"type": "step", "id": number}))
    found: int = json.loads(connection.recv(timeout=20))["id"]
    return found


def test_the_proxy_passes_everything_on() -> None:
    """Nothing is cut that was not to be cut."""
    with answering() as port, ProxyLink(port, quality=LinkQuality(0.001, 0.0005)) as link:
        with connect(link.uri, compression=None) as connection:
            assert [ask(connection, n) for n in range(30)] == list(range(30))
        counts = link.counts()
    assert counts["connections"] == 1
    assert counts["cuts"] == 0


def test_the_proxy_cuts_when_told() -> None:
    """Every connection there is, and none that comes after."""
    with answering() as port, ProxyLink(port) as link:
        with connect(link.uri, compression=None) as connection:
            assert ask(connection, 1) == 1
            link.cut()
            with pytest.raises(ConnectionClosed):
                connection.recv(timeout=20)
        with connect(link.uri, compression=None) as connection:
            assert ask(connection, 2) == 2
        counts = link.counts()
    assert (counts["connections"], counts["cuts"], counts["abrupt"]) == (2, 1, 1)


def test_the_proxy_cuts_by_itself_as_often_as_it_was_to() -> None:
    """Thirty connections end, in every part of a conversation; the next one lives."""
    plan = CutPlan(count=30, longest_s=0.02, most_units=12)
    answered, number = [], 0
    with answering() as port, ProxyLink(port, cuts=plan, seed=3) as link:
        while number < 100:
            try:
                with connect(link.uri, compression=None) as connection:
                    while number < 100:
                        answered.append(ask(connection, number))
                        number += link.counts()["cuts"] == plan.count
            except (ConnectionClosed, InvalidMessage, OSError):
                continue
        counts = link.counts()
    assert counts["cuts"] == 30
    assert counts["connections"] == 31
    assert sum(counts[place.value] for place in Place) == 30
    torn_ones = {name: count for name, count in counts.items() if name.startswith("torn ")}
    assert 0 < sum(torn_ones.values()) < 30
    assert torn_ones.keys() <= {
        torn(way, kind) for way in Direction for kind in ("step", "step_result", OTHER)
    }
    assert 0 < counts["abrupt"] < 30
    assert answered[-100:] == list(range(100))


def test_fates_are_drawn_from_the_seed() -> None:
    """The same cuts again; moments and messages, whole and in part, with and without a reset."""
    plan = CutPlan(count=200)

    def fates(seed: int) -> list[object]:
        cutter = Cutter(plan, seed)
        return [cutter.next() for _ in range(200)]

    cutter = Cutter(plan, 1)
    drawn = [fate for fate in (cutter.next() for _ in range(200)) if fate is not None]
    assert fates(1) == drawn
    assert fates(2) != drawn
    assert {fate.abrupt for fate in drawn} == {True, False}
    at_units = [fate for fate in drawn if fate.at_unit is not None]
    assert 50 < len(at_units) < 150
    assert {0.0, 1.0} < {fate.share for fate in at_units}
    assert all((fate.after_s is None) is (fate.at_unit is not None) for fate in drawn)
    assert Cutter(CutPlan(), 1).next() is None


# --- The network of two namespaces ----------------------------------------------------------------


@contextlib.contextmanager
def network(quality: LinkQuality, seed: int = 0) -> Iterator[TunLink]:
    """Run a network, where that is allowed."""
    try:
        link = TunLink(quality, seed=seed)
    except RightsMissingError as missing:
        pytest.skip(str(missing))
    with link:
        yield link


def send(link: TunLink, count: int = 1, *, back: bool = False) -> None:
    """Send numbered packets from the first namespace to the second, or back."""
    within, address = (link.within_b, link.address_a) if back else (link.within_a, link.address_b)
    subprocess.run([*within, sys.executable, "-c", SEND, address, str(count)], check=True)


@contextlib.contextmanager
def taking(link: TunLink) -> Iterator[Callable[[], list[int]]]:
    """Listen in both namespaces; give what tells the numbers that the second was sent."""
    with contextlib.ExitStack() as stack:
        takers = [
            stack.enter_context(
                subprocess.Popen(
                    [*within, sys.executable, "-c", TAKE, address],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for within, address in (
                (link.within_a, link.address_a),
                (link.within_b, link.address_b),
            )
        ]
        for taker in takers:
            assert taker.stdout is not None
            assert taker.stdout.readline() == "ready\n"

        def taken() -> list[int]:
            return [int(word) for word in takers[1].communicate("\n")[0].split()]

        yield taken
        if takers[1].poll() is None:
            taken()
        takers[0].communicate("\n")


def until(link: TunLink, name: str, count: int) -> dict[str, int]:
    """Wait until so many packets were passed on, lost or cut, or wait; return all counts."""
    for _ in range(LOOKS):
        counts = link.counts()
        if counts[name] >= count:
            return counts
    raise AssertionError(counts)


def test_the_network_loses_what_the_seed_says() -> None:
    """Of 200 packets exactly those arrive that the draws let through, in order."""
    quality = LinkQuality(delay_s=0.005, jitter_s=0.004, loss=0.2)
    way = Way(quality, 5, "0")
    expected = [number for number in range(200) if way.arrival_s(0.0) is not None]
    with network(quality, seed=5) as link, taking(link) as taken:
        send(link, 200)
        counts = until(link, "passed", len(expected))
        assert taken() == expected
    assert counts["lost"] == 200 - len(expected)


@pytest.mark.parametrize("back", [False, True])
def test_the_network_delays_both_ways(back: bool) -> None:
    """A packet that needs an hour is on its way while one that needs no time overtakes it."""
    with network(LinkQuality(delay_s=HOUR_S, reorder=True)) as link, taking(link):
        send(link, back=back)
        assert until(link, "waiting", 1)["passed"] == 0
        link.become(LinkQuality(reorder=True))
        send(link, back=back)
        assert until(link, "passed", 1)["waiting"] == 1


def test_the_network_is_cut_and_mended() -> None:
    """What is on its way is lost as well as what is sent meanwhile; later packets pass."""
    with network(LinkQuality(delay_s=HOUR_S)) as link, taking(link):
        send(link, 2)
        until(link, "waiting", 2)
        link.cut()
        assert link.counts()["waiting"] == 0
        send(link, 3)
        until(link, "cut", 5)
        link.mend()
        link.become(LinkQuality(reorder=True))
        send(link, 1)
        until(link, "passed", 1)


def test_nothing_is_left_of_a_network() -> None:
    """Neither after a good end nor when its process was killed."""
    with network(LinkQuality()) as link:
        name = link.within_a[-1]
        assert Path("/run/netns", name).exists()
    assert not Path("/run/netns", name).exists()
    with network(LinkQuality()) as link:
        name = link.within_a[-1]
        link._servant.kill()
    assert not Path("/run/netns", name).exists()


def test_missing_rights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no `ip`, the answer says so, and is no other error."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RightsMissingError, match="`ip`"):
        TunLink()
