"""A thousand actors and some hundred learners in one process, which obeys.

Run as ``_relay.crowd SETUP``, with the `Setup` as JSON. An order is the name of a method, and what
it is given. Actors and learners share this process, and its one core, so that the relay has the
other core to itself.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import itertools
import json
import ssl
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from _relay.lines import Counts, DirectActor, Learner, Line, ParkedActor
from _relay.messages import PING, TEXT, Numbered, client_frame, upgrade
from ac_bridge.clock import Clock, SystemClock
from ac_bridge.machine.loops import run_on_best_loop
from ac_bridge.net.tls import ServerTls
from ac_bridge.net.tokens import digest_of
from ac_bridge.pacing import percentile
from ac_bridge.relay.app import allow_files
from ac_bridge_protocol import relay
from ac_bridge_protocol.codec import MSGPACK
from ac_bridge_protocol.trust import Trust
from links.servant import say

AT_ONCE = 32
"""Connections that are being made at a time."""
TICK_S = 0.001
"""From one look at who has to step to the next: timers of the loop are no finer."""
ANSWERS_S = 5.0
"""An answer that did not come within this time is lost."""
PING_SLICES = 50
"""Parked actors do not ping all at once."""
CHURN_STEPS = 3
"""Steps of a learner that comes and goes."""
FILES = 8192
"""For the connections of both sides."""
OPEN = "HTTP/1.1 101"

L = TypeVar("L", bound=Line)


class CrowdError(Exception):
    """A connection could not be had."""


@dataclasses.dataclass(frozen=True, slots=True)
class Setup:
    """What a crowd is given.

    Attributes:
        port: of the relay.
        park_token: of the relay.
        request: hex of a step, but for its number.
        answer: the same of its answer.
        cert, key: files of the certificate that everybody has here; empty without TLS.
    """

    port: int
    park_token: str
    request: str
    answer: str
    cert: str = ""
    key: str = ""

    def client_tls(self) -> ssl.SSLContext | None:
        """Return whom to believe."""
        return Trust(ca_file=self.cert).context() if self.cert else None


def driver_token(name: str) -> str:
    """Return the token that opens an actor: each has its own."""
    return f"driver-token-of-this-benchmark-{name}"


class Crowd:
    """Actors and learners.

    Args:
        setup: where, and what to say.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._tls = setup.client_tls()
        self.clock: Clock = SystemClock()
        self.counts = Counts()
        self.request = Numbered(bytes.fromhex(setup.request))
        self.answer = Numbered(bytes.fromhex(setup.answer))
        self._actors: dict[str, ParkedActor] = {}
        self._learners: list[Learner] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._do(self._ping())

    # --- Orders -----------------------------------------------------------------------------------

    async def listen(self) -> dict[str, Any]:
        """Be an actor that learners dial themselves."""
        tls = ServerTls(Path(self._setup.cert), Path(self._setup.key)) if self._tls else None
        self._server = await asyncio.get_running_loop().create_server(
            lambda: DirectActor(self), "127.0.0.1", 0, ssl=tls.context if tls else None
        )
        return {"port": self._server.sockets[0].getsockname()[1]}

    async def park(self, count: int) -> dict[str, Any]:
        """Park so many actors in all; tell how long that took."""
        began_s = self.clock.now()
        await self._each([f"pc-{number}" for number in range(len(self._actors), count)], self._park)
        return {"took_s": self.clock.now() - began_s}

    async def join(self, count: int) -> dict[str, Any]:
        """Let so many learners in all be with actors, each with the next one; tell how long."""
        began_s = self.clock.now()
        names = list(self._actors)
        wanted = [names[i % len(names)] for i in range(len(self._learners), count)]
        await self._each(wanted, self._join)
        return {"took_s": self.clock.now() - began_s}

    async def drive(self, hz: float, seconds: float) -> dict[str, Any]:
        """Let every learner step at a rate, evenly spread; tell how late, and what was answered."""
        gc.collect()
        gc.freeze()
        learners = self._learners
        total = round(hz * seconds * len(learners))
        late_s: list[float] = []
        began_s = self.clock.now()
        apart_s = seconds / total
        while len(late_s) < total:
            now_s = self.clock.now()
            while len(late_s) < total and (due_s := began_s + len(late_s) * apart_s) <= now_s:
                learners[len(late_s) % len(learners)].step()
                late_s.append(self.clock.now() - due_s)
            await asyncio.sleep(TICK_S)
        await self._answered(learners)
        return {"late_ms": _summary(late_s)} | self._told()

    async def churn(self, count: int, at_once: int) -> dict[str, Any]:
        """Let so many learners come and go, every second one without a good-bye."""
        names = itertools.cycle(self._actors)
        polite = itertools.cycle((True, False))
        began_s = self.clock.now()

        async def come_and_go(name: str) -> None:
            learner = await self._learn(name)
            for _ in range(CHURN_STEPS):
                learner.step()
            await self._answered([learner])
            if next(polite):
                learner.leave()
            else:
                learner.abort()
            async with asyncio.timeout(ANSWERS_S):
                await learner.ended

        await self._each(list(itertools.islice(names, count)), come_and_go, at_once)
        return {"took_s": self.clock.now() - began_s} | self._told()

    # --- Connections ------------------------------------------------------------------------------

    def taken(self, name: str) -> None:
        """A parked connection has become a learner's: park the next one."""
        self._do(self._park(name))

    async def _park(self, name: str) -> None:
        actor = await self._dial(
            lambda: ParkedActor(self, name), name, relay.PARKING, self._setup.park_token
        )
        park = relay.Park(
            process=f"process-{name}",
            software="bench 1",
            drivers=(digest_of(driver_token(name)),),
            spectators=(),
        )
        actor.write(client_frame(TEXT, relay.encode(park)))
        await actor.parked
        self._actors[name] = actor

    async def _join(self, name: str) -> None:
        self._learners.append(await self._learn(name))

    async def _learn(self, name: str) -> Learner:
        return await self._dial(
            lambda: Learner(self), name, MSGPACK.subprotocol, driver_token(name)
        )

    async def _dial(self, make: Callable[[], L], name: str, subprotocol: str, token: str) -> L:
        """Open a WebSocket at the relay.

        Raises:
            CrowdError: it was refused.
        """
        _, line = await asyncio.get_running_loop().create_connection(
            make, "127.0.0.1", self._setup.port, ssl=self._tls
        )
        line.write(upgrade(relay.actor_path(name), subprotocol, token))
        said = await line.opened
        if not said.startswith(OPEN):
            raise CrowdError(f"{name}: {said or 'closed'}")
        return line

    async def _ping(self) -> None:
        """Keep parked connections alive, as actors do."""
        while True:
            for part in range(PING_SLICES):
                await asyncio.sleep(relay.PARK_PING_S / PING_SLICES)
                for actor in itertools.islice(self._actors.values(), part, None, PING_SLICES):
                    if not actor.with_learner:
                        actor.write(client_frame(PING, b""))

    # --- Inside -----------------------------------------------------------------------------------

    async def _answered(self, learners: Sequence[Learner]) -> None:
        """Wait for the last answers, but not for ever."""
        end_s = self.clock.now() + ANSWERS_S
        for learner in learners:
            # An event would cost every step something.
            while learner.waits and self.clock.now() < end_s:  # noqa: ASYNC110
                await asyncio.sleep(TICK_S)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _each(
        self,
        names: list[str],
        do: Callable[[str], Coroutine[Any, Any, None]],
        at_once: int = AT_ONCE,
    ) -> None:
        left = iter(names)

        async def some() -> None:
            for name in left:
                await do(name)

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(some())

    def _told(self) -> dict[str, Any]:
        counts, self.counts = self.counts, Counts()
        told = {name: value for name, value in vars(counts).items() if name != "round_trip_s"}
        return told | {
            "answered": len(counts.round_trip_s),
            "round_trip_ms": _summary(counts.round_trip_s),
        }


def _summary(times_s: list[float]) -> dict[str, float]:
    return {f"p{p}": percentile(times_s, p / 100) * 1e3 for p in (50, 99)} if times_s else {}


async def _obey(setup: Setup) -> None:
    crowd = Crowd(setup)
    say(ready=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        say(**await getattr(crowd, order.pop("do"))(**order))


def main() -> None:
    """Do as told."""
    allow_files(FILES)
    run_on_best_loop(_obey(Setup(**json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
