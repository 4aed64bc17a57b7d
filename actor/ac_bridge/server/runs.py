"""Runs that a learner asks an actor for: begun, gone on with, over."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import structlog

from ac_bridge.edge.pilot import Over, Pilot
from ac_bridge.server.autopilot import Autopilot, Car
from ac_bridge.server.errands import Errands
from ac_bridge.server.failures import cut
from ac_bridge.server.learner import Learner
from ac_bridge.server.outbox import Keeper, Outbox
from ac_bridge.server.policies import Moment, Policies
from ac_bridge_protocol.edge import RunStart, RunStatus, RunStop
from ac_bridge_protocol.errors import (
    ACBridgeError,
    FrameError,
    LocalProtocolError,
    RefusedError,
    SpoolError,
)
from ac_bridge_protocol.experience import EpisodeStart, Record, pack, unpack
from ac_bridge_protocol.runs import RunEnd

log = structlog.get_logger()


OTHER = (
    "This run sees or acts in another way than you asked for: what it lives through has that one's "
    "observation, and it takes no policy of yours. Stop it, and begin one of your own."
)
"""Told to a learner that comes while a run of another goes on."""


class Begun(NamedTuple):
    """How far a run has come.

    Attributes:
        run: its name; empty for none.
        episodes: begun in it.
    """

    run: str
    episodes: int


class Runs:
    """The run that goes on, or the last one, and what the learner is told of it.

    Args:
        car: the actor.
        keeper: gets the records.
        outbox: knows how far the learner has come.
        policies: who acts, and on what.
        learner: who asks.
        errands: in which the end of a run is waited for.

    Attributes:
        autopilot: of the last run; None before the first.
    """

    def __init__(
        self,
        car: Car,
        keeper: Keeper,
        outbox: Outbox,
        policies: Policies,
        learner: Learner,
        errands: Errands,
    ) -> None:
        self._car = car
        self._keeper = keeper
        self._outbox = outbox
        self._policies = policies
        self._learner = learner
        self._errands = errands
        self._begun = _begun_before(keeper.newest)
        self._pilot: Pilot | None = None
        self._ended: Over | None = None
        self._ending = 0
        self.autopilot: Autopilot | None = None

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        return self.autopilot is not None and self.autopilot.running

    @property
    def moment(self) -> Moment | None:
        """Where the last run is; None before the first."""
        pilot = self._pilot
        return None if pilot is None else Moment(pilot.episodes, pilot.tick)

    def look(self) -> None:
        """See whether there is something to do that there was not: a first policy."""
        if self.autopilot is not None:
            self.autopilot.look()

    def close(self) -> None:
        """The actor stops. The learner is told at once: nobody waits for the last records here."""
        if self.autopilot is not None and self.running:
            self.autopilot.dispossessed(RunEnd.ACTOR_STOPPED, "The actor is being stopped.")
            self.tell()

    # --- What the learner says --------------------------------------------------------------------

    def start(self, start: RunStart) -> None:
        """Begin a run, or go on with the one that has these terms."""
        terms = start.terms
        before = self._pilot
        if self.running and before is not None and before.terms == terms:
            self.tell()  # the learner came back, and says it again
            return
        if self.autopilot is not None:
            self.autopilot.stop(RunEnd.TOLD, "The learner began another run.")
        spec = self._policies.spec
        assert spec is not None  # noqa: S101 -- who asks was welcomed
        if before is not None:
            self._begun = Begun(before.terms.run, before.episodes)
        episodes = self._begun.episodes if self._begun.run == terms.run else 0
        now_s = self._car.clock.now()
        try:
            terms.task.check()
        except ACBridgeError as error:
            self._refuse(RunEnd.TASK_REFUSED, error)
            return
        try:
            pilot = Pilot(terms, self._policies.seat, spec, self._keep, now_s, episodes)
            autopilot = Autopilot(self._car, spec, pilot, self._over)
            autopilot.start()
        except RefusedError as error:
            self._refuse(RunEnd.EMERGENCY if self._car.stopped else RunEnd.BUSY, error)
            return
        self._pilot, self.autopilot, self._ended = pilot, autopilot, None
        self.tell()

    def stop(self, stop: RunStop) -> None:
        """End the run, if one goes on."""
        if self.autopilot is not None and self.running:
            self.autopilot.stop(RunEnd.TOLD, stop.why or "The learner stopped it.")
        else:
            self.tell()

    # --- What it is told --------------------------------------------------------------------------

    def tell(self) -> None:
        """Say how the run stands."""
        self._say(self._ended, OTHER if self.running and not self._policies.as_wanted else "")

    def _refuse(self, end: RunEnd, error: ACBridgeError) -> None:
        """Say why a run could not begin."""
        log.warning("run refused", why=error.message)
        self._say(Over(end, error.message), error.hint)

    def _say(self, over: Over | None, hint: str = "") -> None:
        stats = self._keeper.stats()
        pilot = self._pilot
        self._learner.say(
            RunStatus(
                run=None if pilot is None else pilot.terms.run,
                driving=self.running or self._ending > 0,
                episodes=0 if pilot is None else pilot.episodes,
                end=None if over is None else over.end,
                why="" if over is None else cut(over.why),
                hint=cut(hint),
                spool=self._keeper.spool_id,
                last=stats.last,
                acknowledged=self._outbox.acknowledged,
                dropped=stats.dropped,
            )
        )

    # --- Inside -----------------------------------------------------------------------------------

    def _keep(self, record: Record) -> None:
        self._policies.see(record.observation)
        self._keeper.put(pack(record))
        if isinstance(record, EpisodeStart):
            self.tell()

    def _over(self, over: Over) -> None:
        log.info("run over", end=over.end.value, why=over.why)
        self._ended = over
        self._policies.drive_as_wanted()
        self._ending += 1
        self._errands.start(self._end())

    async def _end(self) -> None:
        """Say that the run is over, once its last record is in the spool: its number is said."""
        try:
            await asyncio.wrap_future(self._keeper.flush())
        except (SpoolError, LocalProtocolError) as error:
            log.warning("spool", error=str(error))  # they wait, and are written another time
        finally:
            self._ending -= 1
        self.tell()


def _begun_before(newest: bytes | None) -> Begun:
    """Return how far the last run had come when the actor ended: its episodes are counted on."""
    if newest is None:
        return Begun("", 0)
    try:
        record = unpack(newest)
    except FrameError as error:  # of another version of this program
        log.warning("spool", error=str(error), hint="The episodes of its run are counted anew.")
        return Begun("", 0)
    return Begun(record.run, record.episode)
