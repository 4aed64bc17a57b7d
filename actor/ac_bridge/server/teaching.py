"""The actor's side of a learner whose policy acts here: policies in, a run, records out.

One learner at a time. Its link may come and go: the run goes on without it, and what the run lives
through waits in the spool.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol

import structlog

from ac_bridge.edge.arrival import Arrival
from ac_bridge.edge.pilot import Pilot
from ac_bridge.edge.seat import Policy, Seat, Seated
from ac_bridge.edge.spool import SpoolStats
from ac_bridge.edge.vault import Kept, Vault
from ac_bridge.server.autopilot import Autopilot, Car
from ac_bridge.server.failures import cut
from ac_bridge_protocol.edge import (
    Acknowledge,
    PolicyChunk,
    PolicyOffer,
    PolicyRefusal,
    PolicyState,
    PolicyStatus,
    Records,
    RunStart,
    RunStatus,
    RunStop,
)
from ac_bridge_protocol.errors import (
    ACBridgeError,
    ErrorCode,
    LocalProtocolError,
    PolicyRefusedError,
    RefusedError,
    SpoolError,
)
from ac_bridge_protocol.experience import Array, Record, pack, pack_batch, to_array
from ac_bridge_protocol.limits import RECORD_BYTES
from ac_bridge_protocol.messages import Message
from ac_bridge_protocol.runs import Swap
from ac_bridge_protocol.spec import EnvSpec, Mode, spec_digest

log = structlog.get_logger()

BATCH_RECORDS = 256
"""Most records of one message."""
WINDOW_RECORDS = 4096
"""Records on their way to a learner that has not acknowledged them, nor said for how many it has
room: a second of an actor that runs many times as fast as the game."""

Load = Callable[[bytes | bytearray, EnvSpec, Sequence[Array]], Awaitable[Policy]]
"""Makes a policy of its bytes, and tries it on recorded observations, where that holds up nobody.
Raises PolicyRefusedError if it is of no use."""

RECORDED = 256
"""Newest observations that a policy is tried on."""


class Newest(NamedTuple):
    """The newest policy that was taken, as it was offered."""

    version: int
    sha256: str


class Keeper(Protocol):
    """A spool, as `SpoolKeeper` keeps it."""

    @property
    def spool_id(self) -> str:
        """Its own."""

    def put(self, record: bytes) -> None:
        """Keep a record. Never waits."""

    def read(self, after: int, max_records: int, max_bytes: int) -> Future[list[tuple[int, bytes]]]:
        """Return what will be the records after a number."""

    def acknowledge(self, upto: int) -> Future[None]:
        """Have records removed up to a number."""

    def stats(self) -> SpoolStats:
        """Return what it holds."""

    def flush(self) -> Future[int]:
        """Have all that waits written; return what will be the last number then."""

    def close(self) -> None:
        """Write what waits."""


class Link(Protocol):
    """A learner's connection, as far as this cares."""

    @property
    def peer(self) -> str:
        """Its address, for the log."""

    @property
    def congested(self) -> bool:
        """Whether it reads more slowly than it is sent to."""

    def send(self, message: Message) -> None:
        """Send a message."""

    def fail(self, error: ACBridgeError, request_id: int | None) -> None:
        """Say that a message could not be granted."""


class Teaching:
    """Everything that a learner of an actor may ask for.

    Args:
        car: the actor.
        keeper: of the spool.
        load: makes policies.
        vault: keeps the last good one; None keeps none.

    Attributes:
        autopilot: of the last run; None before the first.
        link: the learner's; None while there is none.
    """

    def __init__(self, car: Car, keeper: Keeper, load: Load, vault: Vault | None = None) -> None:
        self._car = car
        self._keeper = keeper
        self._load = load
        self._vault = vault
        self._kept, note = (None, "") if vault is None else vault.load()
        if note:
            log.warning("policy", note=note)
        self._ready: Kept | None = None
        self._recorded: collections.deque[bytes] = collections.deque(maxlen=RECORDED)
        self._seat = Seat(self._on_active, self._on_failed)
        self._arrival: Arrival | None = None
        self._newest: Newest | None = None
        if self._kept is not None:
            self._newest = Newest(self._kept.version, self._kept.sha256)
        self._told: PolicyStatus | None = None
        self._pilot: Pilot | None = None
        self._why = ""
        self._spec: EnvSpec | None = None
        self._acknowledged = keeper.stats().acknowledged
        self._sent = self._acknowledged
        self._room_upto = self._acknowledged + WINDOW_RECORDS
        self._reading = False
        self._ending = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.autopilot: Autopilot | None = None
        self.link: Link | None = None

    # --- The learner comes and goes ---------------------------------------------------------------

    def check_room(self) -> None:
        """Check that a learner may come.

        Raises:
            RefusedError: one is there.
        """
        if self.link is not None:
            raise RefusedError(
                ErrorCode.BUSY,
                f"{self.link.peer} teaches this actor.",
                hint="Wait until it has gone; one that was killed is noticed within seconds.",
            )

    def check_spec(self, spec: EnvSpec) -> None:
        """Check that an autopilot can drive in that way.

        Raises:
            RefusedError: it cannot.
        """
        if spec.mode is Mode.FIXED_DELAY:
            raise RefusedError(
                ErrorCode.NO_SUCH_MODE,
                "A policy on the actor has no link whose delay could be fixed.",
                hint="Ask for mode latest, or lockstep of a stand-in.",
            )

    def came(self, link: Link, spec: EnvSpec) -> None:
        """A learner was welcomed."""
        self.link = link
        if not self.running:
            self._drive_by(spec)
        self._sent = self._acknowledged
        self._room_upto = self._acknowledged + WINDOW_RECORDS
        if self._told is not None:
            self._say(self._told)
        self._tell_run()
        self.pump()
        kept, self._kept = self._kept, None
        if kept is not None and kept.spec == spec_digest(spec) and self._seat.active is None:
            self._tell_policy(kept.version, PolicyState.CHECKING, len(kept.data))
            self._watch(self._check(kept, Swap.EPISODE))

    def _drive_by(self, spec: EnvSpec) -> None:
        """From now on runs see and act in this way; policies made for another are of no use."""
        if self._spec is not None and spec_digest(spec) != spec_digest(self._spec):
            self._seat = Seat(self._on_active, self._on_failed)
            self._arrival = self._ready = self._told = None
            self._recorded.clear()
        self._spec = spec

    def left(self, link: Link) -> None:
        """A learner's connection is gone."""
        if self.link is link:
            self.link = None

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        return self.autopilot is not None and self.autopilot.running

    def close(self) -> None:
        """The actor stops."""
        if self.autopilot is not None:
            self.autopilot.dispossessed("The actor is being stopped.")
        for task in self._tasks:
            task.cancel()

    def finish(self) -> None:
        """Write what waits, and close the spool.

        Raises:
            SpoolError: its disk failed; says what is lost.
        """
        self._keeper.close()

    # --- What it says -----------------------------------------------------------------------------

    def handle(self, message: Message) -> None:
        """Act on a message of the learner's."""
        match message:
            case PolicyOffer():
                self._offered(message)
            case PolicyChunk():
                self._chunk(message)
            case RunStart():
                self._start(message)
            case RunStop():
                self._stop(message)
            case Acknowledge():
                self._acknowledge(message)
            case _:
                pass  # nothing else comes here

    # --- Policies ---------------------------------------------------------------------------------

    def _offered(self, offer: PolicyOffer) -> None:
        if self._arrival is not None and self._arrival.offer == offer:
            self._tell_policy(offer.version, PolicyState.WANTED, self._arrival.received_bytes)
            return
        offered = Newest(offer.version, offer.sha256)
        if self._newest == offered and self._told is not None:
            self._say(self._told)  # the learner's link was lost before it heard
            return
        try:
            self._check_offer(offer)
        except PolicyRefusedError as error:
            self._refuse(offer.version, error)
            return
        self._newest = offered
        self._arrival = Arrival(offer)
        self._tell_policy(offer.version, PolicyState.WANTED)

    def _check_offer(self, offer: PolicyOffer) -> None:
        newest = 0 if self._newest is None else self._newest.version
        if offer.version <= newest:
            raise PolicyRefusedError(
                PolicyRefusal.OLD,
                f"Version {offer.version} is not above {newest}, the newest one here.",
                hint="Versions rise.",
            )
        assert self._spec is not None  # noqa: S101 -- who offers was welcomed
        if offer.spec != spec_digest(self._spec):
            raise PolicyRefusedError(
                PolicyRefusal.OTHER_SPEC,
                "The policy was made for another observation, action, rate or mode.",
                hint="Make it for this actor's env_spec; a run that goes on keeps its own.",
            )

    def _chunk(self, chunk: PolicyChunk) -> None:
        arrival = self._arrival
        if arrival is None or arrival.offer.version != chunk.version:
            return  # of an offer that was refused or given up
        try:
            whole = arrival.add(chunk)
        except PolicyRefusedError as error:
            self._arrival = None
            self._refuse(chunk.version, error)
            return
        if whole is None:
            if arrival.received_bytes <= chunk.offset:
                self._tell_policy(chunk.version, PolicyState.WANTED, arrival.received_bytes)
            return
        self._arrival = None
        self._tell_policy(chunk.version, PolicyState.CHECKING, len(whole))
        offer = arrival.offer
        kept = Kept(offer.version, offer.spec, offer.sha256, whole)
        self._watch(self._check(kept, offer.swap))

    async def _check(self, kept: Kept, swap: Swap) -> None:
        """Have a policy tried where it holds up nobody, and seat it."""
        assert self._spec is not None  # noqa: S101 -- as above
        recorded = [to_array(one) for one in self._recorded]
        try:
            policy = await self._load(kept.data, self._spec, recorded)
        except PolicyRefusedError as error:
            self._refuse(kept.version, error, len(kept.data))
            return
        if self._newest is None or kept.version != self._newest.version:
            return  # a newer one has been offered meanwhile
        if kept.spec != spec_digest(self._spec):
            return  # and this one was made for what nobody asks for any more
        self._ready = kept
        self._seat.offer(Seated(kept.version, policy), swap)
        self._tell_policy(kept.version, PolicyState.READY, len(kept.data))
        if self.autopilot is not None:
            self.autopilot.look()

    def _on_active(self, seated: Seated, at: Swap) -> None:
        begins = at is Swap.EPISODE  # the one that it begins with is not counted yet
        episode = None if self._pilot is None else self._pilot.episodes + begins
        self._tell_policy(seated.version, PolicyState.ACTIVE, episode=episode)
        kept, self._ready = self._ready, None
        if kept is not None and self._vault is not None:
            self._watch(self._keep_policy(self._vault, kept))

    async def _keep_policy(self, vault: Vault, kept: Kept) -> None:
        try:
            await asyncio.to_thread(vault.keep, kept)
        except OSError as error:
            log.warning("policy not kept", version=kept.version, error=str(error))

    def _on_failed(self, seated: Seated, why: str) -> None:
        log.warning("policy rolled back", version=seated.version, why=why)
        self._tell_of(
            PolicyStatus(
                version=seated.version,
                state=PolicyState.ROLLED_BACK,
                received_bytes=0,
                message=cut(why),
                hint="Push a better one with a higher version.",
            )
        )

    def _refuse(self, version: int, error: PolicyRefusedError, received_bytes: int = 0) -> None:
        log.warning("policy refused", version=version, why=str(error))
        self._tell_of(
            PolicyStatus(
                version=version,
                state=PolicyState.REFUSED,
                received_bytes=received_bytes,
                refusal=PolicyRefusal(error.reason),
                message=cut(error.message),
                hint=cut(error.hint),
            )
        )

    def _tell_policy(
        self, version: int, state: PolicyState, received_bytes: int = 0, episode: int | None = None
    ) -> None:
        self._tell_of(
            PolicyStatus(
                version=version, state=state, received_bytes=received_bytes, episode=episode
            )
        )

    def _tell_of(self, status: PolicyStatus) -> None:
        """Say where a policy is; of the newest one that was taken, again to whoever comes."""
        newest = self._newest is not None and status.version == self._newest.version
        if newest and status.refusal is not PolicyRefusal.OLD:
            self._told = status
        self._say(status)

    # --- The run ----------------------------------------------------------------------------------

    def _start(self, start: RunStart) -> None:
        terms = start.terms
        before = self._pilot
        if self.running and before is not None and before.terms == terms:
            self._tell_run()  # the learner came back, and says it again
            return
        if self.autopilot is not None:
            self.autopilot.stop("The learner began another run.")
        assert self._spec is not None  # noqa: S101 -- as above
        episodes = before.episodes if before is not None and before.terms.run == terms.run else 0
        now_s = self._car.clock.now()
        try:
            terms.task.check()
            pilot = Pilot(terms, self._seat, self._spec, self._keep, now_s, episodes)
            autopilot = Autopilot(self._car, self._spec, pilot, self._run_over)
            autopilot.start()
        except ACBridgeError as error:
            self._tell_run(error)
            return
        self._pilot, self.autopilot, self._why = pilot, autopilot, ""
        self._tell_run()

    def _stop(self, stop: RunStop) -> None:
        if self.autopilot is not None and self.running:
            self.autopilot.stop(stop.why or "The learner stopped it.")
        else:
            self._tell_run()

    def _run_over(self, why: str) -> None:
        log.info("run over", why=why)
        self._why = cut(why)
        self._ending += 1
        self._watch(self._end())

    async def _end(self) -> None:
        """Say that the run is over, once its last record is in the spool: its number is said."""
        try:
            await asyncio.wrap_future(self._keeper.flush())
        except (SpoolError, LocalProtocolError) as error:
            log.warning("spool", error=str(error))  # they wait, and are written another time
        finally:
            self._ending -= 1
        self._tell_run()

    def _keep(self, record: Record) -> None:
        self._recorded.append(record.observation)
        self._keeper.put(pack(record))

    def _tell_run(self, error: ACBridgeError | None = None) -> None:
        stats = self._keeper.stats()
        pilot = self._pilot
        self._say(
            RunStatus(
                run=None if pilot is None else pilot.terms.run,
                driving=self.running or self._ending > 0,
                episodes=0 if pilot is None else pilot.episodes,
                why=self._why if error is None else cut(error.message),
                hint="" if error is None else cut(error.hint),
                spool=self._keeper.spool_id,
                last=stats.last,
                acknowledged=self._acknowledged,
                dropped=stats.dropped,
            )
        )

    # --- Records ----------------------------------------------------------------------------------

    def pump(self) -> None:
        """Send what the learner has room for, if there is something to send."""
        stats = self._keeper.stats()
        link = self.link
        if (
            link is None
            or self._reading
            or link.congested
            or self._sent >= min(stats.last, self._room_upto)
        ):
            return
        self._reading = True
        self._watch(self._send_batch(link))

    async def _send_batch(self, link: Link) -> None:
        after, last = self._sent, self._keeper.stats().last
        most = min(BATCH_RECORDS, self._room_upto - after)
        try:
            reading = self._keeper.read(after, most, RECORD_BYTES)
            found = await asyncio.wrap_future(reading)
        except (SpoolError, LocalProtocolError) as error:
            log.warning("spool", error=str(error))
            return
        finally:
            self._reading = False
        if self.link is not link or self._sent != after:
            self.pump()  # for another learner, who has other needs
            return
        if not found:  # all of them were dropped
            self._sent = last
            return
        first = found[0][0]
        run = [data for number, (at, data) in enumerate(found) if at == first + number]
        link.send(Records(spool=self._keeper.spool_id, first=first, batch=pack_batch(run)))
        self._sent = first + len(run) - 1
        self.pump()

    def _acknowledge(self, acknowledge: Acknowledge) -> None:
        if acknowledge.spool != self._keeper.spool_id:
            return  # of a spool that is gone: nothing of it is kept here
        if acknowledge.upto > self._keeper.stats().last:
            self._fail(
                RefusedError(
                    ErrorCode.SETTING,
                    f"Record {acknowledge.upto} was never sent: the newest is "
                    f"{self._keeper.stats().last}.",
                    hint="Acknowledge what came.",
                )
            )
            return
        self._acknowledged = max(self._acknowledged, acknowledge.upto)
        self._sent = max(self._sent, acknowledge.upto)
        room_upto = acknowledge.room_upto
        self._room_upto = self._acknowledged + WINDOW_RECORDS if room_upto is None else room_upto
        self._watch(self._forget(acknowledge.upto))
        self.pump()

    async def _forget(self, upto: int) -> None:
        try:
            await asyncio.wrap_future(self._keeper.acknowledge(upto))
        except (SpoolError, LocalProtocolError) as error:
            log.warning("spool", error=str(error))  # they stay, and are sent again another time

    def _watch(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("teaching", error=repr(error))  # a defect of ours: the run goes on

    def _fail(self, error: ACBridgeError) -> None:
        if self.link is not None:
            self.link.fail(error, None)

    def _say(self, message: Message) -> None:
        if self.link is not None:
            self.link.send(message)
