"""Records on their way from the spool to the learner, until it has them for good."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Protocol

import structlog

from ac_bridge.edge.spool import SpoolStats
from ac_bridge.server.errands import Errands
from ac_bridge.server.learner import Learner, Link
from ac_bridge_protocol.edge import Acknowledge, Records
from ac_bridge_protocol.errors import ErrorCode, LocalProtocolError, RefusedError, SpoolError
from ac_bridge_protocol.experience import pack_batch
from ac_bridge_protocol.limits import RECORD_BYTES

log = structlog.get_logger()

BATCH_RECORDS = 256
"""Most records of one message."""
WINDOW_RECORDS = 4096
"""Records on their way to a learner that has not acknowledged them, nor said for how many it has
room: a second of an actor that runs many times as fast as the game."""


class Keeper(Protocol):
    """A spool, as `SpoolKeeper` keeps it."""

    @property
    def spool_id(self) -> str:
        """Its own."""

    @property
    def newest(self) -> bytes | None:
        """The newest record of the time before this actor; None if there was none."""

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


class Outbox:
    """Sends what the learner has room for, and forgets what it has.

    Args:
        keeper: of the spool.
        learner: who gets them.
        errands: in which the spool is read.

    Attributes:
        acknowledged: number of the newest that the learner has.
    """

    def __init__(self, keeper: Keeper, learner: Learner, errands: Errands) -> None:
        self._keeper = keeper
        self._learner = learner
        self._errands = errands
        self.acknowledged = keeper.stats().acknowledged
        self._reading = False
        self.start_over()

    def start_over(self) -> None:
        """There is another link: what was not acknowledged is sent again."""
        self._sent = self.acknowledged
        self._room_upto = self.acknowledged + WINDOW_RECORDS

    def pump(self) -> None:
        """Send what the learner has room for, if there is something to send."""
        stats = self._keeper.stats()
        link = self._learner.link
        if (
            link is None
            or self._reading
            or link.congested
            or self._sent >= min(stats.last, self._room_upto)
        ):
            return
        self._reading = True
        self._errands.start(self._send_batch(link))

    def acknowledge(self, acknowledge: Acknowledge) -> None:
        """The learner has records, and perhaps room for more."""
        if acknowledge.spool != self._keeper.spool_id:
            return  # of a spool that is gone: nothing of it is kept here
        if acknowledge.upto > self._keeper.stats().last:
            self._learner.fail(
                RefusedError(
                    ErrorCode.SETTING,
                    f"Record {acknowledge.upto} was never sent: the newest is "
                    f"{self._keeper.stats().last}.",
                    hint="Acknowledge what came.",
                )
            )
            return
        self.acknowledged = max(self.acknowledged, acknowledge.upto)
        self._sent = max(self._sent, acknowledge.upto)
        room_upto = acknowledge.room_upto
        self._room_upto = self.acknowledged + WINDOW_RECORDS if room_upto is None else room_upto
        self._errands.start(self._forget(acknowledge.upto))
        self.pump()

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
        if self._learner.link is not link or self._sent != after:
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

    async def _forget(self, upto: int) -> None:
        try:
            await asyncio.wrap_future(self._keeper.acknowledge(upto))
        except (SpoolError, LocalProtocolError) as error:
            log.warning("spool", error=str(error))  # they stay, and are sent again another time
