"""Runs that a learner asks an actor for: begun, gone on with, over."""

from __future__ import annotations

import asyncio

import structlog

from ac_bridge.edge.pilot import Pilot
from ac_bridge.server.autopilot import Autopilot, Car
from ac_bridge.server.errands import Errands
from ac_bridge.server.failures import cut
from ac_bridge.server.learner import Learner
from ac_bridge.server.outbox import Keeper, Outbox
from ac_bridge.server.policies import Policies
from ac_bridge_protocol.edge import RunStart, RunStatus, RunStop
from ac_bridge_protocol.errors import ACBridgeError, LocalProtocolError, SpoolError
from ac_bridge_protocol.experience import Record, pack

log = structlog.get_logger()


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
        self._pilot: Pilot | None = None
        self._why = ""
        self._ending = 0
        self.autopilot: Autopilot | None = None

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        return self.autopilot is not None and self.autopilot.running

    @property
    def episodes(self) -> int | None:
        """Begun in the last run; None before the first."""
        return None if self._pilot is None else self._pilot.episodes

    def look(self) -> None:
        """See whether there is something to do that there was not: a first policy."""
        if self.autopilot is not None:
            self.autopilot.look()

    def close(self) -> None:
        """The actor stops."""
        if self.autopilot is not None:
            self.autopilot.dispossessed("The actor is being stopped.")

    # --- What the learner says --------------------------------------------------------------------

    def start(self, start: RunStart) -> None:
        """Begin a run, or go on with the one that has these terms."""
        terms = start.terms
        before = self._pilot
        if self.running and before is not None and before.terms == terms:
            self.tell()  # the learner came back, and says it again
            return
        if self.autopilot is not None:
            self.autopilot.stop("The learner began another run.")
        spec = self._policies.spec
        assert spec is not None  # noqa: S101 -- who asks was welcomed
        episodes = before.episodes if before is not None and before.terms.run == terms.run else 0
        now_s = self._car.clock.now()
        try:
            terms.task.check()
            pilot = Pilot(terms, self._policies.seat, spec, self._keep, now_s, episodes)
            autopilot = Autopilot(self._car, spec, pilot, self._over)
            autopilot.start()
        except ACBridgeError as error:
            self.tell(error)
            return
        self._pilot, self.autopilot, self._why = pilot, autopilot, ""
        self.tell()

    def stop(self, stop: RunStop) -> None:
        """End the run, if one goes on."""
        if self.autopilot is not None and self.running:
            self.autopilot.stop(stop.why or "The learner stopped it.")
        else:
            self.tell()

    # --- What it is told --------------------------------------------------------------------------

    def tell(self, error: ACBridgeError | None = None) -> None:
        """Say how the run stands, or why it could not begin."""
        stats = self._keeper.stats()
        pilot = self._pilot
        self._learner.say(
            RunStatus(
                run=None if pilot is None else pilot.terms.run,
                driving=self.running or self._ending > 0,
                episodes=0 if pilot is None else pilot.episodes,
                why=self._why if error is None else cut(error.message),
                hint="" if error is None else cut(error.hint),
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

    def _over(self, why: str) -> None:
        log.info("run over", why=why)
        self._why = cut(why)
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
