"""The actor at a relay: one that says what a test wants, and a real one, both over loopback."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self, cast

import orjson
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from ac_bridge.clock import ManualClock, settle
from ac_bridge.machine.loops import run_on_best_loop
from ac_bridge.net.gate import Gate, GateLimits
from ac_bridge.net.token_file import TokenKeeper
from ac_bridge.net.tokens import TokenBook, digest_of
from ac_bridge.server import parking as module
from ac_bridge.server.house import Access
from ac_bridge.server.parking import FIRST_WAIT_S, LONGEST_WAIT_S, Parking, Relay
from ac_bridge.server.reach import Reach
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.errors import ACBridgeError, RefusedError
from ac_bridge_protocol.limits import KEEPALIVE
from ac_bridge_protocol.relay import (
    DISPLACED_CODE,
    DISPLACED_WAIT_S,
    PARK_PING_S,
    PARK_PONG_S,
    PARKING,
    WITHDRAWN_CODE,
)
from helpers.actors import make_rig, serving
from helpers.guardians import eventually
from helpers.raw import HELLO, JSON
from helpers.relays import DRIVER, PARK, SPECTATOR, Relaying, dial, relaying

PATIENCE_S = 20.0
OTHER = "other-token-of-the-tests-0123456789"

Logs = list[MutableMapping[str, Any]]


# --- A relay that says what a test wants ----------------------------------------------------------


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something has happened over the sockets."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 -- of others, who tell nobody
            await asyncio.sleep(0.002)


class FakeLeg:
    """The relay's end of an actor's connection."""

    def __init__(self, websocket: ServerConnection) -> None:
        self.websocket = websocket

    async def say(self, **message: Any) -> None:
        await self.websocket.send(orjson.dumps(message).decode())

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            heard: dict[str, Any] = orjson.loads(await self.websocket.recv())
        return heard

    async def park(self) -> dict[str, Any]:
        """Let the actor park; return what it says of itself."""
        park = await self.hear()
        assert park["type"] == "park"
        await self.say(type="parked")
        return park

    async def pair(self, token: str = DRIVER) -> dict[str, Any]:
        """Tell the actor of a learner; return what it says to that."""
        await self.say(type="paired", subprotocol=JSON, peer="192.0.2.7:5", digest=digest_of(token))
        return await self.hear()

    def abort(self) -> None:
        """Lose the connection, as a cut cable or a killed relay does."""
        self.websocket.transport.abort()


class FakeRelay:
    """Accepts actors, one after the other."""

    def __init__(self) -> None:
        self._came: asyncio.Queue[FakeLeg] = asyncio.Queue()
        self._server: Server
        self.refusal: Response | None = None
        self.asked = 0
        self.port = 0

    async def leg(self) -> FakeLeg:
        """Return the next connection of an actor."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._came.get()

    async def parked(self) -> FakeLeg:
        """Return the next, once it is parked."""
        leg = await self.leg()
        await leg.park()
        return leg

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._take,
            "127.0.0.1",
            self.port,
            subprotocols=[Subprotocol(PARKING)],
            process_request=self._answer,
            compression=None,
            ping_interval=None,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _take(self, websocket: ServerConnection) -> None:
        await self._came.put(FakeLeg(websocket))
        await websocket.wait_closed()

    def _answer(self, websocket: ServerConnection, request: Request) -> Response | None:
        self.asked += 1
        assert request.headers["Authorization"] == f"Bearer {PARK}"
        return self.refusal


class Waits(ManualClock):
    """A clock that remembers for how long somebody wanted to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_s: list[float] = []

    async def wait_until(self, deadline: float) -> None:
        self.asked_s.append(round(deadline - self.now(), 6))
        await super().wait_until(deadline)


class Scene:
    """An actor's parking, at a relay that says what a test wants."""

    def __init__(self, relay: FakeRelay, clock: Waits, parking: Parking, logs: Logs) -> None:
        self.relay, self.clock, self.parking, self.logs = relay, clock, parking, logs

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something has happened over the sockets."""
        await until(condition)

    async def waited(self, times: int) -> float:
        """Wait until it waits for the so-manieth time, and let that be over; return how long."""
        await self.until(lambda: len(self.clock.asked_s) >= times)
        assert len(self.clock.asked_s) == times
        wait_s = self.clock.asked_s[-1]
        await self.clock.advance(wait_s)
        return wait_s

    @property
    def told(self) -> list[str]:
        """Why it was not parked, and that it was, in the log's order."""
        heard = [line for line in self.logs if line["log_level"] != "debug"]
        return [str(line.get("reason", line["event"])) for line in heard]


def access_of(*drivers: str) -> Access:
    """Return an access with tokens of drivers."""
    book = TokenBook(())
    for token in drivers:
        book += TokenBook.of(driver=token)
    return Access(TokenKeeper(None, book))


def play(
    test: Callable[[Scene], Awaitable[None]],
    access: Access | None = None,
    gate: Gate | None = None,
    port: int | None = None,
) -> None:
    """Run a test in a loop of its own; nothing may be left over in it."""
    trouble: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: trouble.append(context))
        async with contextlib.AsyncExitStack() as stack:
            fake = FakeRelay()
            if port is None:
                await stack.enter_async_context(fake)
            else:
                fake.port = port  # where nobody listens until the test does
            terms = access or access_of(DRIVER), gate or Gate()
            await test(await stack.enter_async_context(parking_at(*terms, fake)))
        await settle()
        gc.collect()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_on_best_loop(main())
    gc.collect()
    assert trouble == []


@contextlib.asynccontextmanager
async def parking_at(access: Access, gate: Gate, fake: FakeRelay) -> AsyncIterator[Scene]:
    """Let an actor park at a relay, which need not be there."""
    clock = Waits()
    at = Relay(f"ws://127.0.0.1:{fake.port}/actors/pc", PARK)
    actor = types.SimpleNamespace(closing=False)
    with capture_logs() as logs:
        parking = Parking(at, cast("Any", actor), clock, access, gate)
        running = asyncio.create_task(parking.run())
        try:
            yield Scene(fake, clock, parking, logs)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert running.cancelled(), "it ended by itself"


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)


@pytest.fixture
def free_port() -> int:
    """Return a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_it_says_which_tokens_are_good() -> None:
    """By their digests alone, and the same process each time."""

    async def test(scene: Scene) -> None:
        first = await scene.relay.leg()
        park = await first.park()
        assert park["drivers"] == [digest_of(DRIVER), digest_of(OTHER)]
        assert park["spectators"] == []
        first.abort()
        await scene.waited(1)
        again = await (await scene.relay.leg()).park()
        assert again == park

    play(test, access_of(DRIVER, OTHER))


def test_more_tokens_than_a_relay_takes() -> None:
    """The first ones are announced, and that is said; the actor lives."""

    async def test(scene: Scene) -> None:
        park = await (await scene.relay.leg()).park()
        assert len(park["drivers"]) == 24
        assert any("more tokens" in line for line in scene.told)

    play(test, access_of(*(f"{n:03d}-{DRIVER}" for n in range(25))))


def test_waits_grow_and_start_over(free_port: int) -> None:
    """While there is no relay; it is told once. Once it was parked, the first wait comes again."""

    async def test(scene: Scene) -> None:
        waits = [await scene.waited(n) for n in range(1, 9)]
        assert waits == [FIRST_WAIT_S, 1.0, 2.0, *5 * [LONGEST_WAIT_S]]
        assert len(scene.told) == 1
        assert "cannot be reached" in scene.told[0]
        await scene.until(lambda: len(scene.clock.asked_s) == 9)
        async with scene.relay:
            await scene.waited(9)
            leg = await scene.relay.parked()
            await scene.until(lambda: len(scene.told) == 2)
            leg.abort()
            assert await scene.waited(10) == FIRST_WAIT_S
            await scene.relay.parked()
            await scene.until(lambda: len(scene.told) == 4)
        parked = "parked at the relay"
        lost = f"The connection to the relay ws://127.0.0.1:{free_port}/actors/pc was lost."
        assert scene.told[1:4] == [parked, lost, parked]

    play(test, port=free_port)


def test_a_relay_that_takes_it_and_drops_it_is_not_dialled_in_a_frenzy() -> None:
    """Waits start over only for one that lets it park."""

    async def test(scene: Scene) -> None:
        for times in range(1, 5):
            (await scene.relay.leg()).abort()
            await scene.waited(times)
        assert scene.clock.asked_s == [FIRST_WAIT_S, 1.0, 2.0, 4.0]

    play(test)


def test_a_relay_that_is_silent_is_given_up() -> None:
    """After a ping that brings no pong; one that pongs is believed for as long as it does."""

    async def test(scene: Scene) -> None:
        leg = await scene.relay.parked()
        await scene.until(lambda: scene.told == ["parked at the relay"])
        for _ in range(4):  # a minute with nothing but pings
            scene.clock.stall(PARK_PING_S + 1)
            await asyncio.sleep(0.1)
        assert len(scene.told) == 1
        leg.websocket.transport.pause_reading()
        scene.clock.stall(PARK_PING_S + 1)
        await asyncio.sleep(0.1)
        assert len(scene.told) == 1
        scene.clock.stall(PARK_PONG_S + 1)
        assert await scene.waited(1) == FIRST_WAIT_S
        assert scene.told[1].endswith("is silent.")
        await scene.relay.parked()
        leg.abort()

    play(test)


def test_displaced() -> None:
    """It waits for long, and says why."""

    async def test(scene: Scene) -> None:
        leg = await scene.relay.parked()
        await leg.websocket.close(DISPLACED_CODE, "another actor")
        assert await scene.waited(1) == DISPLACED_WAIT_S
        assert "has the name now" in scene.told[-1]
        await scene.relay.parked()

    play(test)


def test_a_withdrawn_park_token() -> None:
    """Is told as that, and tried again: it may be put right."""

    async def test(scene: Scene) -> None:
        leg = await scene.relay.parked()
        await leg.websocket.close(WITHDRAWN_CODE, "withdrawn")
        assert await scene.waited(1) == FIRST_WAIT_S
        assert "does not take this park token any more" in scene.told[-1]
        await scene.relay.parked()

    play(test)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            HTTPStatus.UNAUTHORIZED,
            b'{"type":"refusal","code":"unauthorized","message":"No.","hint":"Ask."}',
            "refused: No.",
        ),
        (HTTPStatus.NOT_FOUND, b"<h1>Not found</h1>", "is not a relay of ac-bridge (status 404)"),
        (HTTPStatus.OK, b"Welcome!", "is not a relay of ac-bridge (status 200)"),
    ],
)
def test_a_refusal_is_told_once(status: HTTPStatus, body: bytes, said: str) -> None:
    """However often it is tried; and the waits grow."""

    async def test(scene: Scene) -> None:
        headers = Headers({"Content-Length": str(len(body)), "Connection": "close"})
        scene.relay.refusal = Response(status, status.phrase, headers, body)
        waits = [await scene.waited(n) for n in range(1, 8)]
        assert waits[-1] == LONGEST_WAIT_S
        assert scene.relay.asked >= 7
        assert len(scene.told) == 1
        assert said in scene.told[0]

    play(test)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n<h1>A page that does not say how long it is</h1>",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"\x00" * 64,
    ],
    ids=["ssh", "a page without a length", "101 without more", "noise"],
)
def test_something_that_is_no_relay(answer: bytes, free_port: int) -> None:
    """Is told as that."""

    async def serve_it(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def test(scene: Scene) -> None:
        await scene.until(lambda: len(scene.clock.asked_s) == 1)
        async with await asyncio.start_server(serve_it, "127.0.0.1", free_port):
            await scene.waited(1)
            await scene.until(lambda: len(scene.clock.asked_s) == 2)
        assert "is not a relay of ac-bridge" in scene.told[-1]

    play(test, port=free_port)


def test_a_host_that_cannot_be_one() -> None:
    """Is told; the actor lives."""

    async def main() -> None:
        clock = Waits()
        at = Relay("ws://a..b/actors/pc", PARK)
        actor = cast("Any", types.SimpleNamespace(closing=False))
        running = asyncio.create_task(Parking(at, actor, clock, access_of(DRIVER), Gate()).run())
        with capture_logs() as logs:
            await until(lambda: bool(clock.asked_s))
        assert "cannot be reached" in logs[0]["reason"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_on_best_loop(main())


@pytest.mark.parametrize(
    "message",
    [b"{", b'{"type":"taken"}', b'{"type":"parked","more":1}', b"[" * 5000],
    ids=["half", "an actor's own", "more than there is", "nested"],
)
def test_a_relay_that_says_nonsense(message: bytes) -> None:
    """Is left, and dialled again a little later."""

    async def test(scene: Scene) -> None:
        leg = await scene.relay.parked()
        await leg.websocket.send(message.decode())
        assert await scene.waited(1) == FIRST_WAIT_S
        await scene.relay.parked()

    play(test)


@pytest.mark.parametrize(
    ("token", "limits", "code"),
    [
        (OTHER, GateLimits(), "unauthorized"),
        (DRIVER, GateLimits(connections=0), "full"),
    ],
)
def test_a_learner_that_is_declined(token: str, limits: GateLimits, code: str) -> None:
    """With the reason, and its address in the log; the connection stays parked."""

    async def test(scene: Scene) -> None:
        leg = await scene.relay.parked()
        for _ in range(2):
            declined = await leg.pair(token)
            assert (declined["type"], declined["code"]) == ("declined", code)
        assert scene.relay.asked == 1
        lines = [line for line in scene.logs if line["event"] == "refused"]
        assert [line["peer"] for line in lines] == 2 * ["192.0.2.7:5"]

    play(test, gate=Gate(limits))


def test_an_actor_that_is_being_stopped_declines() -> None:
    """A learner that comes at the last moment is told so."""

    async def test(scene: Scene) -> None:
        leg = await scene.relay.parked()
        cast("Any", scene.parking)._actor.closing = True
        assert (await leg.pair())["code"] == "shutting_down"

    play(test)


def test_new_tokens_are_announced_even_before_the_first_were_confirmed() -> None:
    """Else a relay that is far away would never hear of them."""
    access = access_of(DRIVER)

    async def test(scene: Scene) -> None:
        leg = await scene.relay.leg()
        assert (await leg.hear())["drivers"] == [digest_of(DRIVER)]
        access.tokens.book = TokenBook.of(driver=OTHER)
        scene.parking.announce()
        assert (await leg.park())["drivers"] == [digest_of(OTHER)]

    play(test, access)


def test_nothing_of_ours_gets_into_a_learners_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even tokens that change at the very moment when the connection becomes a learner's."""
    scenes: list[Scene] = []

    class Heir(asyncio.Protocol):
        def __init__(self, *given: Any) -> None:
            self._ws = given[2]

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            scenes[0].parking.announce()
            for data in self._ws.data_to_send():
                cast("asyncio.Transport", transport).write(data)
            transport.close()

    monkeypatch.setattr(module, "Connection", Heir)

    async def test(scene: Scene) -> None:
        scenes.append(scene)
        leg = await scene.relay.parked()
        assert await leg.pair() == {"type": "taken"}
        with pytest.raises(ConnectionClosed):
            await leg.hear()
        await scene.relay.parked()

    play(test)


def test_it_is_stopped_while_it_is_parked() -> None:
    """It says good-bye, and leaves nothing behind."""
    legs = []

    async def main() -> None:
        async with FakeRelay() as fake:
            async with parking_at(access_of(DRIVER), Gate(), fake):
                legs.append(await fake.parked())
            with pytest.raises(ConnectionClosed) as closed:
                await legs[0].hear()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == CloseCode.GOING_AWAY

    run_on_best_loop(main())


@pytest.mark.parametrize("moment", ["while dialling", "while shaking hands"])
def test_it_is_stopped_before_it_is_parked(moment: str) -> None:
    """Nothing is left behind, whatever it waits for."""

    async def test(scene: Scene) -> None:
        if moment == "while shaking hands":
            await scene.until(lambda: scene.relay.asked == 1)

    play(test)


# --- A real relay, and a real actor ---------------------------------------------------------------


@contextlib.contextmanager
def at_a_relay(
    relay: Relaying, tokens: TokenKeeper | None = None, park: str = PARK, gate: Gate | None = None
) -> Iterator[str]:
    """Run a real actor that parks at a relay; give the address to dial."""
    book = TokenBook.of(driver=DRIVER, spectator=SPECTATOR)
    reach = Reach(
        access=Access(tokens or TokenKeeper(None, book)),
        gate=gate or Gate(),
        relay=Relay(relay.path("pc"), park),
    )
    with serving(make_rig(), reach=reach):
        yield relay.path("pc")


def spares(relay: Relaying) -> int:
    """Return how many connections wait for a learner at a relay."""
    found: int = relay.ask(
        lambda: sum(one["ready"] for one in relay.app.house.berths.listing(None, 0.0))
    )
    return found


def test_the_next_connection_is_parked_after_each_learner() -> None:
    """One waits, always; each learner's address is in the log; parking is told once."""
    with capture_logs() as logs, relaying() as relay, at_a_relay(relay) as uri:
        for _ in range(5):
            assert eventually(lambda: spares(relay) == 1)
            with contextlib.closing(RemoteEnv(uri, token=DRIVER)) as env:
                env.reset(seed=1)
                env.step([0.0, 0.5, 0.0])
                assert eventually(lambda: spares(relay) == 1)
        # Every conversation's connections go; the spare stays.
        assert eventually(lambda: relay.ask(lambda: relay.app.house.open) == 1)
        own = relay.ask(lambda: relay.app.house.berths.count)
        assert own == (1, 0)
    told = [line for line in logs if line["event"] == "parked at the relay"]
    assert len(told) == 1
    peers = [str(line["peer"]) for line in logs if line["event"] == "welcome"]
    assert len(peers) == 5
    assert all(peer.startswith("127.0.0.1:") and peer.endswith(" (relay)") for peer in peers)


def test_tokens_that_are_rotated_reach_the_relay(tmp_path: Path) -> None:
    """The new one opens, and the old one does not any more; without a restart."""
    path = tmp_path / "tokens.txt"
    path.write_text(f"driver {DRIVER}\n")
    path.chmod(0o600)
    with relaying() as relay, at_a_relay(relay, TokenKeeper(path)) as uri:
        assert eventually(lambda: spares(relay) == 1)
        RemoteEnv(uri, token=DRIVER).close()
        path.write_text(f"driver {OTHER}\n")

        def opens(token: str) -> bool:
            try:
                RemoteEnv(uri, token=token).close()
            except ACBridgeError:
                return False
            return True

        assert eventually(lambda: opens(OTHER))
        with pytest.raises(RefusedError, match="token"):
            RemoteEnv(uri, token=DRIVER)


def test_a_wrong_park_token_at_a_real_relay() -> None:
    """The relay's own words, once."""
    with capture_logs() as logs, relaying() as relay, at_a_relay(relay, park=OTHER):
        assert eventually(lambda: sum(line["event"] == "refused" for line in logs) >= 3)
    told = [line for line in logs if line["event"] == "not parked at the relay"]
    assert len(told) == 1
    assert "opens nothing" in told[0]["reason"]


def test_a_spectators_link_may_wait_and_a_drivers_may_not() -> None:
    """Through a relay as at the actor's own door: whoever does not read costs only its frames."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is None:
        pytest.skip("this system has no such option")
    reach = Access(TokenKeeper(None, TokenBook.of(driver=DRIVER, spectator=SPECTATOR)))

    with relaying() as relay:
        at = Relay(relay.path("pc"), PARK)
        with serving(make_rig(), reach=Reach(access=reach, relay=at)) as (_, app):
            for role, token, waits_ms in (
                ("spectator", SPECTATOR, 0),
                ("driver", DRIVER, KEEPALIVE["TCP_USER_TIMEOUT"]),
            ):
                assert eventually(lambda: spares(relay) == 1)
                with dial(relay.path("pc"), token) as websocket:
                    websocket.send(orjson.dumps({**HELLO, "role": role}).decode())
                    assert orjson.loads(websocket.recv(timeout=10))["type"] == "welcome"
                    assert app.actor is not None
                    (connection,) = app.actor.connections
                    transport = cast("Any", connection)._transport
                    peer = transport.get_extra_info("socket")
                    assert peer.getsockopt(socket.IPPROTO_TCP, option) == waits_ms
                assert eventually(lambda: app.actor is not None and not app.actor.connections)
