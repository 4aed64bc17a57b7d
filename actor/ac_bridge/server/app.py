"""The actor as a process: one loop, one task group, and a way out that leaves the wheel neutral."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from ac_bridge.clock import SystemClock
from ac_bridge.guardian.keeper import GuardianKeeper
from ac_bridge.machine.collector import GcKeeper
from ac_bridge.machine.loops import run_on_best_loop, stop_on_signals
from ac_bridge.machine.punctual import Punctuality
from ac_bridge.net.listening import HANDSHAKES, listen
from ac_bridge.pacing import Ticker, TickStats
from ac_bridge.rig import Rig
from ac_bridge.rigs import rig_from
from ac_bridge.server.actor import Actor
from ac_bridge.server.emergency import Switch, switches_from, watch
from ac_bridge.server.house import ActorHouse
from ac_bridge.server.lease import Terms
from ac_bridge.server.parking import Parking
from ac_bridge.server.reach import Reach, reach_from
from ac_bridge.server.recording import ActorRecorder, record_actor
from ac_bridge.server.stage import Served, Stage
from ac_bridge.server.teaching import Teaching
from ac_bridge.server.teaching_from import teaching_from
from ac_bridge.settings import ActorSettings
from ac_bridge_protocol.errors import ACBridgeError

T = TypeVar("T")

log = structlog.get_logger()

TIMES_HZ = 4.0
"""How often graces and heartbeats, which are seconds long, are looked after."""

FILES_S = 1.0
"""From one look at the files of tokens and certificate to the next, in seconds."""

GOODBYE_S = 1.0
"""How long clients get to read the last words before the connections are cut."""


MakeTeaching = Callable[[Actor, Callable[[int], None]], Teaching]


class ActorApp:
    """Sampler, stepper and server around one rig, or a stage without one, until `stop`.

    Args:
        rig: what is served; closed at the end.
        host: the address to listen on.
        port: the port; 0 takes a free one, told to ``on_ready``.
        on_ready: called with the port once clients can connect.
        keep_house: called when there is time for housekeeping: after each sample in real time,
            after each answer in lockstep. Told for how many seconds nothing is due.
        terms: on which the car is lent.
        reach: who may come in, and from where.
        on_closed: called once the rig is closed, its wheel neutral; not if that failed.
        recorder: takes everything that is served; closed at the end. None records nothing.
        make_teaching: makes what learners are welcomed to whose policy is to act here; is given the
            actor, and what to call from any thread when records are in the spool. None welcomes
            none.
        switches: by which the operator at this machine stops the car.
    """

    def __init__(
        self,
        rig: Served,
        *,
        host: str,
        port: int,
        on_ready: Callable[[int], None] = lambda _: None,
        keep_house: Callable[[float], None] = lambda _: None,
        terms: Terms | None = None,
        reach: Reach | None = None,
        on_closed: Callable[[], None] = lambda: None,
        recorder: ActorRecorder | None = None,
        make_teaching: MakeTeaching | None = None,
        switches: Sequence[Switch] = (),
    ) -> None:
        self._switches = switches
        self._make_teaching = make_teaching
        self._recorder = recorder
        self._reach = reach or Reach()
        self._rig = rig
        self._host = host
        self._port = port
        self._on_ready = on_ready
        self._keep_house = keep_house
        self._terms = terms
        self._on_closed = on_closed
        self._stopping = asyncio.Event()
        self.sampler_stats = TickStats()
        self.actor: Actor | None = None

    def stop(self) -> None:
        """End `run` in good order."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until `stop`, cancellation or an error; the wheel is neutral afterwards.

        Raises:
            SettingError: the address cannot be listened on.
        """
        clock = SystemClock()
        try:
            async with asyncio.TaskGroup() as tasks:
                at_rest = functools.partial(self._keep_house, math.inf)
                self.actor = actor = Actor(
                    self._rig, clock, tasks, at_rest, self._terms, self._recorder
                )
                if self._make_teaching is not None:
                    pump = _from_any_thread(actor)
                    actor.teaching = self._make_teaching(actor, pump)
                reach = self._reach
                house = ActorHouse(actor, clock, reach.gate, reach.access)
                server = await listen(house, self._host, self._port, reach.tls, HANDSHAKES)
                parking = None
                looking_after = []
                if reach.relay is not None:
                    parking = Parking(reach.relay, actor, clock, reach.access, reach.gate)
                    looking_after.append(tasks.create_task(parking.run(), name="parking"))
                keeping = self._keep_time(actor, clock, parking)
                looking_after.append(tasks.create_task(keeping, name="time"))
                if self._switches:
                    watching = watch(actor, self._switches, clock)
                    looking_after.append(tasks.create_task(watching, name="emergency"))
                if not self._rig.lockstep and not isinstance(self._rig, Stage):
                    sampling = self._sample(actor, self._rig)
                    looking_after.append(tasks.create_task(sampling, name="sampler"))
                self._on_ready(server.port)
                try:
                    async with self._reach.announcement(self._host, server.port):
                        await self._stopping.wait()
                finally:
                    # Also when something failed: neutral first, everything else after.
                    actor.close()
                    server.close()
                    for task in looking_after:
                        task.cancel()
                await self._say_goodbye(actor)
        finally:
            with contextlib.ExitStack() as closing:
                if self._recorder is not None:
                    closing.callback(self._recorder.close)
                if self.actor is not None and self.actor.teaching is not None:
                    closing.callback(self.actor.teaching.finish)
                closing.callback(clock.close)
                closing.callback(self._rig.clock.close)
                self._rig.close()
                self._on_closed()

    async def _sample(self, actor: Actor, rig: Rig) -> None:
        """Sample at the telemetry rate: for spectators, and to miss no cut between ticks."""
        stream = rig.telemetry_stream()
        ticker = Ticker(rig.settings.telemetry_hz, rig.clock)
        ticker.stats = self.sampler_stats
        async for _ in ticker:
            frame = rig.try_sample(stream)
            rig.tend(frame)
            if frame is not None:
                actor.on_frame(frame)
            self._keep_house(actor.due_in_s())

    async def _keep_time(self, actor: Actor, clock: SystemClock, parking: Parking | None) -> None:
        looked_s = clock.now()
        async for _ in Ticker(TIMES_HZ, clock):
            now_s = clock.now()
            actor.keep_time(now_s)
            if now_s - looked_s >= FILES_S:
                looked_s = now_s
                if self._reach.refresh(clock.wall()):
                    actor.keep_out(self._reach.access.still_good)
                    if parking is not None:
                        parking.announce()
            if self._rig.lockstep:  # nobody samples, and perhaps nobody steps
                self._keep_house(math.inf)

    async def _say_goodbye(self, actor: Actor) -> None:
        leaving = [connection.gone for connection in actor.connections if connection.gone]
        if leaving:
            await asyncio.wait(leaving, timeout=GOODBYE_S)
        for connection in list(actor.connections):
            connection.abort()


def run_actor(settings: ActorSettings, on_ready: Callable[[int], None]) -> Actor:
    """Run an actor until Ctrl+C or SIGTERM, and return it for its statistics.

    Raises:
        ACBridgeError: the game cannot be opened, or the address not listened on.
    """
    reach = reach_from(settings)
    reach.log_terms(settings.host)

    async def main() -> Actor:
        rig = rig_from(settings)
        log.info("game", game=rig.game.name, asked_for=settings.game)
        recorder = _recorder(settings, rig)
        make_teaching = _or_close(rig, lambda: teaching_from(settings, SystemClock()))
        with GcKeeper() as keeper, GuardianKeeper(rig.game.wheel.inheritance()) as guardian:
            app = ActorApp(
                rig,
                host=settings.host,
                port=settings.port,
                on_ready=on_ready,
                keep_house=keeper.after_work,
                terms=terms_from(settings),
                reach=reach,
                on_closed=guardian.farewell,
                recorder=recorder,
                make_teaching=make_teaching,
                switches=switches_from(settings.emergency_key),
            )
            stop_on_signals(app.stop)
            await app.run()
        assert app.actor is not None  # noqa: S101 -- run has made it
        return app.actor

    try:
        # Before any thread starts: what the system grants is inherited.
        with Punctuality(raise_priority=settings.raise_priority):
            return run_on_best_loop(main())
    except* ACBridgeError as group:
        raise group.exceptions[0] from None


def _from_any_thread(actor: Actor) -> Callable[[int], None]:
    """Return what has the newest records sent, called from any thread."""
    loop = asyncio.get_running_loop()

    def pump() -> None:
        if actor.teaching is not None:
            actor.teaching.pump()

    def written(_last: int) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: they are sent another time
            loop.call_soon_threadsafe(pump)

    return written


def _recorder(settings: ActorSettings, rig: Rig) -> ActorRecorder | None:
    folder = settings.record
    if folder is None:
        return None
    return _or_close(
        rig, lambda: record_actor(folder, rig, SystemClock(), wire=settings.record_wire)
    )


def _or_close(rig: Rig, make: Callable[[], T]) -> T:
    """Return what is made; if that fails, the rig is closed."""
    try:
        return make()
    except ACBridgeError:
        rig.close()
        raise


def terms_from(settings: ActorSettings) -> Terms:
    """Return on which terms the settings lend the car."""
    key = settings.takeover_key
    return Terms(
        grace_s=settings.grace_s,
        spectators=settings.spectators,
        takeover_key=key.get_secret_value() if key is not None else "",
    )
